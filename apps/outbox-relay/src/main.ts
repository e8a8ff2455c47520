import '@hq-export/runtime/keep-heap-small.ts'

import { explain } from '@hq-export/runtime/cli/explain.ts'
import { withJson } from '@hq-export/runtime/cli/options.ts'
import { outputOf, Program, runProcess } from '@hq-export/runtime/cli/program.ts'
import { addDoctorCommand } from '@hq-export/runtime/doctor/doctor-command.ts'
import { keepHeapSmaller } from '@hq-export/runtime/keep-heap-small.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import { addBackfillCommands } from './backfill/cli/commands.ts'
import { addDeadLetterCommands } from './dead-letter/cli/commands.ts'
import { loadConfig, loadDatabaseUrl } from './process/config.ts'
import { createErrorLog, createLog } from './process/log.ts'
import type { ReconcileCommandLine } from './reconcile/cli/command-line.ts'
import { addReconcileCommands } from './reconcile/cli/commands.ts'
import { connect } from './session/connect.ts'
import { SEES_ALL } from './session/hidden-tables.ts'
import { dxMigrations } from './session/migrations.ts'
import { DATA_ENGINE_X } from './session/why-not-connected.ts'

/**
 * How often a backfill that is over tries to lock bound tables: about ten seconds in all. `bind`
 * has more patience.
 */
const CLOSING_ATTEMPTS = 5

const env = process.env

// What only one command needs, it loads itself: most of them are over in less time than all takes.

const program = new Program(
  {
    name: 'relay',
    description: 'Pushes every committed change of data-engine-x to HQ.',
    call: 'npm run relay --',
    help: 'Settings come from the environment; see docs/CONFIGURATION.md.',
    explain: (error) =>
      explain(error, {
        database: DATA_ENGINE_X,
        portSettings: 'RELAY_METRICS_PORT',
        examine: 'npm run relay -- doctor',
      }),
  },
  outputOf(process),
)
const { command, print } = program

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
  const { isTracing, startTracing } = await import('@hq-export/observability/start-tracing.ts')
  const { runRelay } = await import('./run-relay.ts')
  const config = loadConfig(env)
  const log = createLog(config.logLevel)
  const stopTracing = await startTracing(env, {
    serviceName: 'outbox-relay',
    onTrouble: (reason) => log.warn({ reason }, 'traces cannot be exported; delivery goes on'),
  })
  if (isTracing()) keepHeapSmaller()
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
    if (!(await stopTracing())) program.endAtOnce()
  }
}

command
  .command('migrate')
  .description('create or upgrade the schema hq_export in data-engine-x')
  .action(async () => {
    const applied = await dxMigrations.apply(loadDatabaseUrl(env))
    print(applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`)
  })

command
  .command('bind')
  .description('install a binding: projection views and capture triggers')
  .argument(
    '<name|file>',
    'a shipped binding (reference, data-engine-x) or the path of a binding file',
  )
  .action(async (binding: string) => {
    const url = loadDatabaseUrl(env)
    const { bind } = await import('./binding/install/bind.ts')
    await withDatabase(async () => {})
    const { datasets, changed, remarks } = await bind(url, binding)
    print(changed ? `bound ${datasets.join(', ')}` : 'already bound; nothing changed')
    for (const remark of remarks) print(remark)
  })

command.command('run').description('work until SIGTERM or SIGINT').action(run)

withJson(command.command('status').description('what waits, what was refused, who leads')).action(
  async ({ json }: { json?: boolean }) => {
    const { readStatus } = await import('./status/status.ts')
    const { printStatus } = await import('./status/print-status.ts')
    const status = await withDatabase(readStatus)
    print(json ? printJson(status) : printStatus(status))
    if (status.datasets.some(({ dead_letters }) => dead_letters > 0)) program.exitFailed()
  },
)

withJson(
  command
    .command('balance')
    .description('what was captured on a day, and what became of it; exit status 1 if it differs')
    .option('--day <day>', 'UTC day, as 2026-11-28; else the last ones and all that are open'),
).action(async ({ json, day }: { json?: boolean; day?: string }) => {
  const { isCalendarDay, readBalance } = await import('./balance/read-balance.ts')
  const { differencesByDataset, printBalance } = await import('./balance/print-balance.ts')
  if (day !== undefined && !isCalendarDay(day))
    throw new OperatorError('--day must be a day, such as 2026-11-28')
  const rows = await withDatabase((client) => readBalance(client, day))
  print(json ? printJson(rows) : printBalance(rows))
  if (rows.length === 0) program.exitUnknown()
  else if ([...differencesByDataset(rows).values()].some((rows) => rows > 0)) program.exitFailed()
})

addDoctorCommand(program, DATA_ENGINE_X.name, async () => {
  const { CHECKS } = await import('./doctor/checks.ts')
  const { runDoctor } = await import('./doctor/run-doctor.ts')
  return runDoctor(loadDatabaseUrl(env), CHECKS)
})

const commandLine = { print, exitFailed: program.exitFailed, withDatabase }
const workingCommandLine: ReconcileCommandLine = {
  ...commandLine,
  exitIncomplete: program.exitUnknown,
  loadConfig: () => loadConfig(env),
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
}
addDeadLetterCommands(command, commandLine)
addBackfillCommands(command, {
  ...workingCommandLine,
  dropHistoryTriggers: async (client) => {
    const { dropHistoryTriggers } = await import('./binding/install/drop-history-triggers.ts')
    return dropHistoryTriggers(client, loadDatabaseUrl(env), { attempts: CLOSING_ATTEMPTS })
  },
})
addReconcileCommands(command, workingCommandLine)

await runProcess(program, process)
