import { randomBytes } from 'node:crypto'
import { migrateDatabases } from './children/migrate-databases.ts'
import { createScratchFolder, removeScratchFolder } from './children/scratch-folder.ts'
import { type ConsoleAccess, startConsole } from './children/start-console.ts'
import { startGateway } from './children/start-gateway.ts'
import { startRelay } from './children/start-relay.ts'
import { sweepAbandonedApps } from './children/sweep-abandoned-apps.ts'
import { compareDatabases } from './compare/compare-databases.ts'
import { judge } from './compare/comparison-report.ts'
import { reconcileSides } from './compare/reconcile-sides.ts'
import { connect, withClient } from './databases/connect.ts'
import { installReferenceSchema } from './databases/install-reference-schema.ts'
import { type Databases, openDatabases } from './databases/open-databases.ts'
import type { DemoContext, DemoResult } from './demo-context.ts'
import { drain } from './drain.ts'
import { installHistory } from './history/install-history.ts'
import { prepareProgress } from './read-progress.ts'
import { showAround } from './show-around.ts'
import { tracesHint } from './traces-hint.ts'
import { watchProgress } from './watch-progress.ts'
import type { Tally } from './workload/population/tally.ts'
import { Workload } from './workload/workload.ts'

/** Name of the application in its traces. */
export const APPLICATION = 'data-engine-x'
/** Standard Webhooks asks for 24 to 64 random bytes. */
const SECRET_BYTES = 32

interface RunningDemo {
  readonly databases: Databases
  readonly console: ConsoleAccess
  /** Of the gateway. */
  readonly ingestUrl: string
  /** Signs what goes to the gateway. */
  readonly secret: string
}

/**
 * Everything but the workload, each part ended by `stack`; undefined where the user stopped it
 * half-way.
 */
async function startUp(
  context: DemoContext,
  failed: AbortController,
  stack: AsyncDisposableStack,
): Promise<RunningDemo | undefined> {
  const { env, say, warn, aborting } = context
  const stopping = AbortSignal.any([context.stopping, failed.signal])
  await sweepAbandonedApps()
  const folder = await createScratchFolder()
  stack.defer(() => removeScratchFolder(folder))
  say('starting both databases ...')
  const databases = await openDatabases(env, stack)
  if (stopping.aborted) return undefined
  say('installing schemas, migrations and the binding ...')
  await withClient(databases.dxUrl, 'set-up', async (client) => {
    await installReferenceSchema(client)
    await installHistory(client)
  })
  const { dxUrl, hqUrl, source } = databases
  await migrateDatabases(env, dxUrl, hqUrl)
  if (stopping.aborted) return undefined
  const onExit = (error: Error) => failed.abort(error)
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
  const apps = { env, folder, source, secret, onWarning: warn, onExit, stopping, aborting }
  const console = await startConsole(apps, dxUrl, hqUrl, stack)
  if (console === undefined) return undefined
  const ingestUrl = await startGateway(apps, hqUrl, stack)
  if (ingestUrl === undefined) return undefined
  await startRelay(apps, dxUrl, ingestUrl, stack)
  return { databases, console, ingestUrl, secret }
}

function sayWhatRuns({ say, options, env }: DemoContext, running: RunningDemo): void {
  const { databases, console, ingestUrl } = running
  const { url, user, password } = console
  const traces = tracesHint(env, APPLICATION)
  const lines = [
    ['console', `${url} (user ${user}, password ${password})`],
    ['data-engine-x', databases.dxLabel],
    ['HQ', databases.hqLabel],
    ['gateway', ingestUrl],
    ...(traces === undefined ? [] : [['traces', traces]]),
    ['workload', `seed ${options.seed}, up to ${options.rowsPerSecond} rows a second`],
    ['ends', options.seconds === undefined ? 'with Ctrl-C' : `after ${options.seconds} s`],
  ]
  for (const [name = '', text] of lines) say(`${name.padEnd(14)} ${text}`)
}

function sayWhatWasWritten({ say }: DemoContext, tally: Tally): void {
  const [rows, committed, rolledBack] = [
    tally.committedRows,
    tally.committed,
    tally.rolledBack,
  ].map((number) => number.toLocaleString('en-US'))
  say(`committed ${rows} rows in ${committed} transactions; ${rolledBack} were rolled back`)
}

/** What commands of the relay are given. */
function sidesOf({ env }: DemoContext, { databases, ingestUrl, secret }: RunningDemo) {
  const { dxUrl, source } = databases
  return { env, dxUrl, ingestUrl, source, secret }
}

/**
 * The product's own comparison first, then the judge's: it reads both databases row by row, and
 * knows past versions from the demo's record, which the source does not keep.
 */
async function conclude(context: DemoContext, running: RunningDemo): Promise<DemoResult> {
  const { say } = context
  const { dxUrl, hqUrl, source } = running.databases
  say('npm run relay -- reconcile ...\n')
  const reconciled = await reconcileSides(sidesOf(context, running))
  say(`${reconciled.text}\n`)
  say('a second opinion: comparing every column of every row of both databases ...\n')
  const { isGood, lines } = judge(await compareDatabases(dxUrl, hqUrl, source))
  if (!reconciled.isEqual) say('the reconciliation did not find both sides equal')
  for (const line of lines) say(line)
  return isGood && reconciled.isEqual ? 'good' : 'wrong'
}

/**
 * Runs the whole thing on this machine: both databases, both apps, a workload, until the time is
 * over or `stopping` is aborted; with a time, compares both databases afterwards. Whatever happens,
 * nothing that it started or created is left.
 * @returns good; wrong where the databases differ; unknown where a run with a time was stopped, or
 * not delivered in time.
 * @throws what keeps it from going on.
 */
export async function runDemo(context: DemoContext): Promise<DemoResult> {
  const { options, say, stopping } = context
  const isEndless = options.seconds === undefined
  const failed = new AbortController()
  const ending = AbortSignal.any([stopping, failed.signal])
  await using stack = new AsyncDisposableStack()

  const running = await startUp(context, failed, stack)
  failed.signal.throwIfAborted()
  if (running === undefined) return isEndless ? 'good' : 'unknown'
  const { databases } = running
  const monitor = await connect(databases.dxUrl, 'monitor')
  stack.defer(() => monitor.end())
  await prepareProgress(monitor)
  const workload = new Workload({
    url: databases.dxUrl,
    seed: options.seed,
    rowsPerSecond: options.rowsPerSecond,
    // What HQ refuses is there to be looked at, too.
    faults: new Set([...options.faults, 'leaked-token' as const]),
    onFailure: (error) => failed.abort(error),
  })
  stack.defer(() => workload.stop())
  sayWhatRuns(context, running)
  workload.start()
  const aside = isEndless ? showAround(sidesOf(context, running), ending, context.warn) : undefined
  await watchProgress(context, monitor, workload.tally, ending)
  await aside
  await workload.stop()
  failed.signal.throwIfAborted()
  sayWhatWasWritten(context, workload.tally)

  const isDrained = await drain(context, monitor, failed.signal)
  if (isEndless) return 'good'
  if (stopping.aborted || !isDrained) {
    const reason = stopping.aborted ? 'it was stopped' : 'not everything is delivered'
    say(`verdict: NONE, because ${reason}`)
    return 'unknown'
  }
  // await: without it the databases would be gone before they are compared.
  return await conclude(context, running)
}
