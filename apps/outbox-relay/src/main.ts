import '@hq-export/runtime/keep-heap-small.ts'

import { startTracing } from '@hq-export/observability/start-tracing.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { errorsInOrder } from '@hq-export/runtime/errors-in-order.ts'
import { exitOnEpipe } from '@hq-export/runtime/exit-on-epipe.ts'
import {
  explainDatabaseError,
  UnusableDatabaseError,
} from '@hq-export/runtime/postgres/explain-connect-error.ts'
import { MigrationStateError } from '@hq-export/runtime/postgres/migrations.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import { ConfigError } from '@hq-export/runtime/settings.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import { Command, CommanderError } from 'commander'
import { addBackfillCommands } from './backfill/cli/commands.ts'
import { bind } from './binding/install/bind.ts'
import { dropHistoryTriggers } from './binding/install/drop-history-triggers.ts'
import { addDeadLetterCommands } from './dead-letter/cli/commands.ts'
import { CHECKS } from './doctor/checks.ts'
import { printFindings } from './doctor/print-findings.ts'
import { runDoctor } from './doctor/run-doctor.ts'
import { loadConfig, loadDatabaseUrl } from './process/config.ts'
import { createErrorLog, createLog } from './process/log.ts'
import { runRelay } from './run-relay.ts'
import { connect } from './session/connect.ts'
import { SEES_ALL } from './session/hidden-tables.ts'
import { dxMigrations } from './session/migrations.ts'
import { DATA_ENGINE_X } from './session/why-not-connected.ts'
import { printStatus } from './status/print-status.ts'
import { readStatus } from './status/status.ts'

/** Exit status: good, found something wrong, could not tell or bad usage. */
const GOOD = 0
const WRONG = 1
const UNKNOWN = 2

/**
 * How often a backfill that is over tries to lock bound tables: about ten seconds in all. `bind`
 * has more patience.
 */
const CLOSING_ATTEMPTS = 5

/** Faults whose text was written for the operator. */
const EXPECTED = [ConfigError, MigrationStateError, SessionSettingsError, UnusableDatabaseError]

const env = process.env

/**
 * False while something that is not worth waiting for keeps the process: a collector that does not
 * answer.
 */
let hasEnded = true

exitOnEpipe(process.stdout, () => process.exit())

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function withDatabase<T>(
  work: (client: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const client = await connect(loadDatabaseUrl(env), 'command', () => {}, SEES_ALL)
  try {
    await dxMigrations.assertApplied(client)
    return await work(client)
  } finally {
    await client.end()
  }
}

async function run(): Promise<void> {
  const config = loadConfig(env)
  const log = createLog(config.logLevel)
  const stopTracing = await startTracing(env, {
    serviceName: 'outbox-relay',
    onTrouble: (reason) => log.warn({ reason }, 'traces cannot be exported; delivery goes on'),
  })
  const stopping = new AbortController()
  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping: finishing what is in flight')
    stopping.abort()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  try {
    await runRelay(config, log, stopping.signal)
  } finally {
    hasEnded = await stopTracing()
  }
}

const program = new Command('relay')
  .description('Pushes every committed change of data-engine-x to HQ.')
  .addHelpText(
    'after',
    `
Settings come from the environment; see docs/CONFIGURATION.md.
Exit status: 0 good, 1 exitFailed something wrong, 2 could not tell or bad usage.`,
  )
  .exitOverride()

program
  .command('migrate')
  .description('create or upgrade the schema hq_export in data-engine-x')
  .action(async () => {
    const applied = await dxMigrations.apply(loadDatabaseUrl(env))
    print(applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`)
  })

program
  .command('bind')
  .description('install a binding: projection views and capture triggers')
  .argument(
    '<name|file>',
    'a shipped binding (reference, data-engine-x) or the path of a binding file',
  )
  .action(async (binding: string) => {
    const url = loadDatabaseUrl(env)
    await withDatabase(async () => {})
    const { datasets, changed, remarks } = await bind(url, binding)
    print(changed ? `bound ${datasets.join(', ')}` : 'already bound; nothing changed')
    for (const remark of remarks) print(remark)
  })

program.command('run').description('work until SIGTERM or SIGINT').action(run)

program
  .command('status')
  .description('what waits, what was refused, who leads')
  .option('--json', 'as JSON')
  .action(async ({ json }: { json?: boolean }) => {
    const status = await withDatabase(readStatus)
    print(json ? printJson(status) : printStatus(status))
    if (status.datasets.some(({ dead_letters }) => dead_letters > 0)) process.exitCode = WRONG
  })

program
  .command('doctor')
  .description('examines data-engine-x and says what to do; exit status 2 if it cannot tell')
  .option('--json', 'as JSON')
  .action(async ({ json }: { json?: boolean }) => {
    const findings = await runDoctor(loadDatabaseUrl(env), CHECKS)
    print(json ? printJson(findings) : printFindings(findings))
    if (findings.some(({ state }) => state === 'fail')) process.exitCode = WRONG
    else if (findings.some(({ state }) => state === 'unknown')) process.exitCode = UNKNOWN
  })

const commandLine = {
  withDatabase,
  print,
  exitFailed: () => {
    process.exitCode = WRONG
  },
}
addDeadLetterCommands(program, commandLine)
addBackfillCommands(program, {
  ...commandLine,
  exitIncomplete: () => {
    process.exitCode = UNKNOWN
  },
  loadConfig: () => loadConfig(env),
  dropHistoryTriggers: (client) =>
    dropHistoryTriggers(client, loadDatabaseUrl(env), { attempts: CLOSING_ATTEMPTS }),
  createErrorLog,
  terminal: {
    isTTY: process.stderr.isTTY,
    columns: () => process.stderr.columns,
    write: (text) => process.stderr.write(text),
  },
  interruptible: () => {
    const interrupted = new AbortController()
    // A second Ctrl-C ends the process as ever.
    process.once('SIGTERM', () => interrupted.abort())
    process.once('SIGINT', () => interrupted.abort())
    return interrupted.signal
  },
})

try {
  process.exitCode = GOOD
  await program.parseAsync()
} catch (thrown) {
  const [error, ...ofEnding] = errorsInOrder(thrown)
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? GOOD : UNKNOWN
  } else {
    const isExpected = EXPECTED.some((kind) => error instanceof kind)
    const { code, message } = error as { code?: string; message?: string }
    const hint = code === 'EADDRINUSE' ? '; set RELAY_METRICS_PORT' : ''
    // Of migrate, which connects by itself; a port that is taken is ours.
    const why =
      isExpected || code === 'EADDRINUSE' ? undefined : explainDatabaseError(error, DATA_ENGINE_X)
    const text =
      why ?? (isExpected ? message : `${code ?? 'error'}: ${describeError(error)}${hint}`)
    process.stderr.write(`relay: ${text}\n`)
    process.exitCode = UNKNOWN
  }
  for (const each of ofEnding)
    process.stderr.write(`relay: and while ending: ${describeError(each)}\n`)
}
if (!hasEnded) process.exit()
