import { randomUUID } from 'node:crypto'
import { DATASETS, parseSigningKey } from '@hq-export/contract'
import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { createErrorLog } from '@hq-export/outbox-relay/process/log.ts'
import { compareKeysOn } from '@hq-export/outbox-relay/reconcile/compare-keys.ts'
import { connectFollower } from '@hq-export/outbox-relay/reconcile/follow/connect-follower.ts'
import { reconcile } from '@hq-export/outbox-relay/reconcile/reconcile.ts'
import type { ReconcileContext } from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import pg from 'pg'
import { Pool } from 'undici'

/** What to compare. */
export interface ReconcileTask {
  readonly databaseUrl: string
  readonly ingestUrl: string
  readonly secret: string
  readonly source: string
  readonly dataset: string
  /** SQL of the keys, as `key`, that are compared by themselves; everything where it is null. */
  readonly keys: string | null
  /** Again and again for so long; 0 for once. */
  readonly repeatSeconds: number
  /** How long it may take. */
  readonly seconds: number
}

/** How it went. */
export interface ReconcileOutcome {
  /** `equal`, or what else one of them came to. */
  readonly state: string
  /** Rows that one of them compared. */
  readonly rows: number
  readonly passes: number
  readonly seconds: number
  /** Processor time of this program meanwhile. */
  readonly cpuMs: number
  readonly peakMb: number
}

const KIB = 1024
const MB = 1_000_000
const EQUAL = 'equal'

const task: ReconcileTask = JSON.parse(process.argv[2] ?? '{}')
const dataset = DATASETS.find(({ name }) => name === task.dataset)
if (dataset === undefined) throw new RangeError(`no dataset ${task.dataset}`)
const pool = new Pool(task.ingestUrl)
const context: ReconcileContext = {
  databaseUrl: task.databaseUrl,
  pool,
  keys: [parseSigningKey(task.secret)],
  source: task.source,
  log: createErrorLog(),
  stopping: AbortSignal.timeout(task.seconds * 1000),
}

async function readKeys(sql: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: task.databaseUrl })
  await client.connect()
  const { rows } = await client.query<{ key: string }>(sql).finally(() => client.end())
  return rows.map(({ key }) => key)
}

const keys = task.keys === null ? null : await readKeys(task.keys)
/** As in a relay, which keeps it for as long as it leads. */
const follower = keys === null ? null : await connectFollower(task.databaseUrl)

async function compare(): Promise<Pick<ReconcileOutcome, 'state' | 'rows'>> {
  if (dataset === undefined) throw new RangeError('no dataset')
  if (keys !== null && follower !== null) {
    const binding = await readBinding(follower)
    if (binding === undefined) throw new RangeError('nothing is bound')
    const compared = await compareKeysOn(follower, binding, context, dataset, keys)
    const { verdicts, undecided } = compared
    const other = verdicts.find(({ verdict }) => verdict !== EQUAL)
    return { state: undecided ?? other?.verdict ?? EQUAL, rows: verdicts.length }
  }
  const { reconciliation } = await reconcile(context, {
    id: randomUUID(),
    kind: 'command',
    datasets: [dataset],
    scope: {},
    repair: 'off',
  })
  const [only] = reconciliation.datasets
  const { state } = reconciliation
  return { state: only?.reason ? `${state}: ${only.reason}` : state, rows: only?.source_rows ?? 0 }
}

const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
let passes = 0
let found: Pick<ReconcileOutcome, 'state' | 'rows'>
do {
  found = await compare()
  passes++
} while (found.state === EQUAL && performance.now() - startedAt < task.repeatSeconds * 1000)
const cpu = process.cpuUsage(cpuBefore)
await follower?.end()
await pool.close()
const outcome: ReconcileOutcome = {
  ...found,
  passes,
  seconds: (performance.now() - startedAt) / 1000,
  cpuMs: (cpu.user + cpu.system) / 1000,
  peakMb: (process.resourceUsage().maxRSS * KIB) / MB,
}
process.stdout.write(`${JSON.stringify(outcome)}\n`)
