import '@hq-export/runtime/keep-heap-small.ts'

import { explain } from '@hq-export/runtime/cli/explain.ts'
import { withJson } from '@hq-export/runtime/cli/options.ts'
import { outputOf, Program, runProcess } from '@hq-export/runtime/cli/program.ts'
import { addDoctorCommand } from '@hq-export/runtime/doctor/doctor-command.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import { HQ } from './db/connect.ts'
import { hqMigrations } from './db/migrations.ts'
import { addKeyCommands } from './keys/cli/commands.ts'
import { loadConfig, loadDatabaseUrl } from './process/config.ts'
import { createLogger } from './process/log.ts'
import { addQualityCommand } from './quality/cli/commands.ts'
import { addIncidentCommands } from './quality/incident/cli/commands.ts'
import { addQuarantineCommands } from './quarantine/cli/commands.ts'
import { addReadersCommand } from './readers/cli/commands.ts'
import { addReconciliationCommands } from './reconciliation/cli/commands.ts'
import { addVersionsCommand } from './versions/cli/commands.ts'

const env = process.env

const program = new Program(
  {
    name: 'ingest',
    description: 'The gateway of HQ: takes signed batches and applies each exactly once.',
    call: 'npm run ingest --',
    help: 'Settings come from the environment; see docs/CONFIGURATION.md.',
    explain: (error) =>
      explain(error, {
        database: HQ,
        portSettings: 'INGEST_HOST, INGEST_PORT or INGEST_METRICS_PORT',
        examine: 'npm run ingest -- doctor',
      }),
  },
  outputOf(process),
)
const { command, print, exitFailed } = program

async function runMigrate(): Promise<void> {
  const applied = await hqMigrations.apply(loadDatabaseUrl(env))
  print(applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`)
}

async function runStatus(options: { json?: boolean }): Promise<void> {
  // Drizzle holds 140 MB as soon as it is loaded; the gateway itself does without.
  const { printStatus, readStatus } = await import('./status/status.ts')
  const status = await readStatus(loadDatabaseUrl(env))
  print(options.json ? printJson(status) : printStatus(status))
  if (status.foreignCode !== undefined) exitFailed()
}

async function runServe(): Promise<void> {
  const { startTracing } = await import('@hq-export/observability/start-tracing.ts')
  const { serve } = await import('./serve.ts')
  const config = loadConfig(env)
  const log = createLogger(config.logLevel)
  const stopTracing = await startTracing(env, {
    serviceName: 'hq-ingest',
    onTrouble: (reason) => log.warn({ reason }, 'traces cannot be exported; batches are taken'),
    instrument: async () => (await import('./tracing/trace-postgres.ts')).tracePostgres(),
  })
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  try {
    await serve(config, log, stopping.signal)
  } finally {
    if (!(await stopTracing())) program.endAtOnce()
  }
}

command
  .command('migrate')
  .description('bring HQ to the migrations of this build')
  .action(runMigrate)
command.command('serve').description('take batches until SIGTERM or SIGINT').action(runServe)
withJson(command.command('status').description('rows, batches and open quarantine of HQ')).action(
  runStatus,
)

addDoctorCommand(program, HQ.name, async () => {
  const { CHECKS } = await import('./doctor/checks.ts')
  const { runDoctor } = await import('./doctor/run-doctor.ts')
  const config = loadConfig(env)
  return runDoctor(config.databaseUrl, config, CHECKS)
})

command
  .command('openapi')
  .description('the OpenAPI document of the gateway, as it serves it')
  .action(async () => print((await import('./openapi/openapi.ts')).openApiText()))

const commandLine = { env, print, exitFailed }
addKeyCommands(command, commandLine)
addQuarantineCommands(command, commandLine)
addIncidentCommands(command, commandLine)
addReconciliationCommands(command, commandLine)
addReadersCommand(command, commandLine)
addVersionsCommand(command, commandLine)
addQualityCommand(program, commandLine)

await runProcess(program, process)
