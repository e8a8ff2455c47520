import '@hq-export/runtime/keep-heap-small.ts'

import { startTracing } from '@hq-export/observability/start-tracing.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { exitOnEpipe } from '@hq-export/runtime/exit-on-epipe.ts'
import { explainDatabaseError } from '@hq-export/runtime/postgres/explain-connect-error.ts'
import { HiddenRowsError } from '@hq-export/runtime/postgres/hidden-rows-error.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import { ConfigError } from '@hq-export/runtime/settings.ts'
import { Command } from 'commander'
import { HQ } from './db/connect.ts'
import { hqMigrations } from './db/migrations.ts'
import { addKeyCommands } from './keys/cli/commands.ts'
import { loadConfig, loadDatabaseUrl } from './process/config.ts'
import { createLogger } from './process/log.ts'
import { addQuarantineCommands } from './quarantine/cli/commands.ts'
import { serve } from './serve.ts'

/**
 * Nothing could be said: bad usage, settings that are not usable, a database that does not answer.
 */
const EXIT_CANNOT_TELL = 2
/** The output says what is wrong. */
const EXIT_FOUND_WRONG = 1

/** Faults whose text was written for the operator. */
const EXPECTED = [ConfigError, HiddenRowsError, MigrationStateError, SessionSettingsError]

/**
 * False while something that is not worth waiting for keeps the process: a collector that does not
 * answer.
 */
let hasEnded = true

exitOnEpipe(process.stdout, () => process.exit())

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function runMigrate(): Promise<void> {
  const applied = await hqMigrations.apply(loadDatabaseUrl(process.env))
  print(applied.length === 0 ? 'HQ is up to date' : `applied ${applied.join(', ')}`)
}

async function runStatus(options: { json?: boolean }): Promise<void> {
  // Drizzle holds 140 MB as soon as it is loaded; the gateway itself does without.
  const { printStatus, readStatus } = await import('./status/status.ts')
  const status = await readStatus(loadDatabaseUrl(process.env))
  print(options.json ? JSON.stringify(status) : printStatus(status))
  if (status.foreignCode !== undefined) process.exitCode = EXIT_FOUND_WRONG
}

async function runServe(): Promise<void> {
  const config = loadConfig(process.env)
  const log = createLogger(config.logLevel)
  const stopTracing = await startTracing(process.env, {
    serviceName: 'hq-ingest',
    onTrouble: (reason) => log.warn({ reason }, 'traces cannot be exported; batches are taken'),
    instrument: async () => (await import('./tracing/trace-postgres.ts')).tracePostgres(),
  })
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  try {
    await serve(config, log, stopping.signal)
  } finally {
    hasEnded = await stopTracing()
  }
}

function explain(error: unknown): string {
  // What these say was written for the operator; anything else may be a defect, so it keeps its
  // stack.
  if (EXPECTED.some((kind) => error instanceof kind)) return (error as Error).message
  const { code } = error as { code?: unknown }
  if (code === 'EADDRINUSE') {
    const { address, port } = error as { address?: string; port?: number }
    return `${address}:${port} is taken by another process; set INGEST_HOST, INGEST_PORT or INGEST_METRICS_PORT`
  }
  const why = explainDatabaseError(error, HQ)
  if (why !== undefined) return why
  if (error instanceof AggregateError) return error.errors.map(describeError).join('\n')
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '))
  return [describeError(error), ...frames].join('\n')
}

const program = new Command('ingest')
  .description('The gateway of HQ: takes signed batches and applies each exactly once')
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : EXIT_CANNOT_TELL)
  })
program
  .command('migrate')
  .description('bring HQ to the migrations of this build')
  .action(runMigrate)
program.command('serve').description('take batches until SIGTERM or SIGINT').action(runServe)
program
  .command('status')
  .description('rows, batches and open quarantine of HQ')
  .option('--json', 'print JSON')
  .action(runStatus)

const commandLine = {
  env: process.env,
  print,
  exitFailed: () => {
    process.exitCode = EXIT_FOUND_WRONG
  },
}
addKeyCommands(program, commandLine)
addQuarantineCommands(program, commandLine)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = EXIT_CANNOT_TELL
}
if (!hasEnded) process.exit()
