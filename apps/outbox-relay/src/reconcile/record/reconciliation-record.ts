import {
  type Finding,
  findingSchema,
  RECONCILIATION_STATES,
  type Reconciliation,
  type ReconciliationState,
  reconciliationSchema,
} from '@hq-export/contract'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { z } from 'zod'
import type { ReconcileCost, ReconcileRequest, ReconcileResult } from '../reconcile-context.ts'

/** For how long reconciliations are kept: an audit asks for the last year. */
const KEPT_DAYS = 400

const runSchema = reconciliationSchema.omit({ findings: true })

/** What a reconciliation came to, as HQ is told, without the findings. */
export type ReconciliationRun = z.infer<typeof runSchema>

const requestSchema = z.object({
  datasets: z.array(z.string()).nullable(),
  scope: reconciliationSchema.shape.scope,
  repair: z.enum(['off', 'auto', 'all']),
  rotation: z.boolean(),
})

const snapshotsSchema = z.tuple([z.string(), z.string()]).nullable().exactOptional()

const costSchema: z.ZodType<ReconcileCost> = z.object({
  dataset: z.string(),
  ranges: z.number(),
  sourceSeconds: z.number(),
  fenceSeconds: z.number(),
  hqSeconds: z.number(),
  dirtyBuckets: z.number(),
  rechecked: z.number(),
  capReached: z.boolean(),
  sourceSnapshots: snapshotsSchema,
  hqSnapshots: snapshotsSchema,
  hqVersion: z.string().nullable().exactOptional(),
  oldestRangeSeconds: z.number().nullable(),
})

/** What was asked for. */
export type RecordedRequest = z.infer<typeof requestSchema>

/** A reconciliation as `hq_export.reconciliation` has it. */
export interface ReconciliationRecord {
  readonly number: string
  readonly id: string
  readonly kind: Reconciliation['kind']
  /** `equal` of one that was `repaired` and is proven since. */
  readonly state: ReconciliationState
  /** Why it is undecided; null where it is not. */
  readonly reason: string | null
  /** True while somebody works on it. */
  readonly isUnderWay: boolean
  readonly isWhole: boolean
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly toldAt: string | null
  readonly provenAt: string | null
  readonly provenBy: string | null
  readonly request: RecordedRequest
  /** Null where it has no end. */
  readonly run: ReconciliationRun | null
  readonly findings: readonly Finding[]
  readonly cost: readonly ReconcileCost[]
}

/** The state of a dataset of a run, in the light of what is proven since. */
export function stateOf(
  { provenAt }: ReconciliationRecord,
  { state }: ReconciliationRun['datasets'][number],
): ReconciliationState {
  return state === 'repaired' && provenAt !== null ? 'equal' : state
}

interface RecordRow {
  number: string
  id: string
  kind: Reconciliation['kind']
  state: string
  is_under_way: boolean
  is_whole: boolean
  started_at: string
  finished_at: string | null
  told_at: string | null
  proven_at: string | null
  proven_by: string | null
  request: unknown
  run: unknown
  findings: unknown
  cost: unknown
}

/** First half of the advisory locks that runs hold, the number being the second. */
const LOCK_CLASS = 1_380_272_966

/**
 * SQL: true while somebody works on run `r`. A stranger who holds the lock only makes a run that
 * was killed look as if it went on: it is undecided either way.
 */
export const IS_UNDER_WAY = /* sql */ `(r.finished_at is null and exists (
  select from pg_catalog.pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
    and l.database = (select oid from pg_catalog.pg_database
      where datname = pg_catalog.current_database())
    and l.classid::bigint = ${LOCK_CLASS} and l.objid::bigint = r.number))`

// The lock is there before anybody sees the row, and goes with the session of whoever is killed.
const BEGIN = /* sql */ `
with begun as (
  insert into hq_export.reconciliation (id, is_whole, kind, request)
  values ($1::uuid, $2, $3, $4::jsonb)
  returning number
)
select number::text as number, pg_catalog.pg_try_advisory_lock(${LOCK_CLASS}, number::int4)
from begun`

const FINISH = /* sql */ `
update hq_export.reconciliation r
set finished_at = pg_catalog.clock_timestamp(), state = $2, run = $3::jsonb, findings = $4::jsonb,
    cost = $5::jsonb
where r.number = $1::bigint and r.finished_at is null`

// What this run read as a whole and found equal proves what earlier ones had sent once more. One in
// rotation has done so where no range of the dataset is older than the run.
const PROVE = /* sql */ `
update hq_export.reconciliation r
set proven_at = pg_catalog.clock_timestamp(), proven_by = p.id, told_at = null
from hq_export.reconciliation p
where p.number = $1::bigint and r.number < p.number and r.state = 'repaired' and r.proven_at is null
  and p.run -> 'scope' in ('{}'::jsonb, r.run -> 'scope')
  and not exists (
    select from pg_catalog.jsonb_array_elements(r.run -> 'datasets') sent
    where coalesce((sent -> 'repairs' ->> 'sent')::int8, 0) > 0
      and not exists (
        select from pg_catalog.jsonb_array_elements(p.run -> 'datasets') read
        where read -> 'dataset' = sent -> 'dataset' and read ->> 'state' = 'equal'
          and (read ->> 'coverage')::numeric = 1
          and (not (p.request ->> 'rotation')::boolean or exists (
            select from pg_catalog.jsonb_array_elements(p.cost) spent
            where spent -> 'dataset' = read -> 'dataset'
              and (spent ->> 'oldestRangeSeconds')::numeric
                <= extract(epoch from p.finished_at - p.started_at)))))`

const PROVE_ONE = /* sql */ `
update hq_export.reconciliation r
set proven_at = pg_catalog.clock_timestamp(), proven_by = $2::uuid, told_at = null
where r.number = $1::bigint and r.state = 'repaired' and r.proven_at is null`

const FORGET = /* sql */ `
delete from hq_export.reconciliation r
where r.started_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => ${KEPT_DAYS})`

// Told that it was repaired, HQ is still to be told that it is proven.
const TOLD = /* sql */ `
update hq_export.reconciliation r set told_at = pg_catalog.clock_timestamp()
where r.number = $1::bigint and r.told_at is null and (r.proven_at is not null) = $2`

const iso = (column: string): string => `pg_catalog.to_json(r.${column}) #>> '{}' as ${column}`

/** @param findings SQL of the findings, where they are wanted. */
function select(findings: string): string {
  return /* sql */ `
select r.number::text as number, r.id::text as id, r.kind, r.is_whole, r.state, r.request, r.run,
       r.cost, r.proven_by::text as proven_by, ${iso('started_at')}, ${iso('finished_at')},
       ${iso('told_at')}, ${iso('proven_at')}, ${IS_UNDER_WAY} as is_under_way,
       ${findings} as findings
from hq_export.reconciliation r`
}

const SELECT = select('r.findings')
const SELECT_WITHOUT_FINDINGS = select('null')

function reasonOf(row: RecordRow, run: ReconciliationRun | null): string | null {
  if (row.state !== 'undecided') return null
  if (row.is_under_way) return 'it is under way'
  if (run === null) return 'it was killed, or lost its session'
  return run.datasets.find(({ reason }) => reason !== null)?.reason ?? null
}

function recordOf(row: RecordRow): ReconciliationRecord {
  const parse = <T>(schema: z.ZodType<T>, column: 'request' | 'run' | 'findings' | 'cost'): T =>
    parseRecord(schema, row[column], {
      ...{ name: `comparison ${row.id}`, table: 'hq_export.reconciliation', column },
      where: `number = ${row.number}`,
    })
  const run = parse(runSchema.nullable(), 'run')
  return {
    number: row.number,
    id: row.id,
    kind: row.kind,
    state: row.proven_at === null ? z.enum(RECONCILIATION_STATES).parse(row.state) : 'equal',
    reason: reasonOf(row, run),
    isUnderWay: row.is_under_way,
    isWhole: row.is_whole,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    toldAt: row.told_at,
    provenAt: row.proven_at,
    provenBy: row.proven_by,
    request: parse(requestSchema, 'request'),
    run,
    findings: parse(z.array(findingSchema).nullable(), 'findings') ?? [],
    cost: parse(z.array(costSchema).nullable(), 'cost') ?? [],
  }
}

function recordedRequest(request: ReconcileRequest): RecordedRequest {
  const { datasets, scope, repair, rotation = false } = request
  return { datasets: datasets?.map(({ name }) => name) ?? null, scope, repair, rotation }
}

/** True where every bound dataset is to be compared, without a limit. */
function isWhole({ kind, datasets, scope }: ReconcileRequest): boolean {
  return kind !== 'follow' && datasets === null && Object.keys(scope).length === 0
}

/**
 * Records that a reconciliation begins. The session that records it says by its lock that it is
 * under way, until it finishes or is lost.
 * @returns its number.
 */
export async function beginReconciliation(
  client: pg.ClientBase,
  request: ReconcileRequest,
): Promise<string> {
  const { rows } = await client.query<{ number: string }>(BEGIN, [
    request.id,
    isWhole(request),
    request.kind,
    JSON.stringify(recordedRequest(request)),
  ])
  const [row] = rows
  if (row === undefined) throw new Error('a reconciliation was recorded')
  return row.number
}

/**
 * Records how it ended, proves by it what earlier ones had sent once more, and forgets those that
 * are too old.
 */
export async function finishReconciliation(
  client: pg.ClientBase,
  number: string,
  { reconciliation: { findings, ...run }, cost }: ReconcileResult,
): Promise<void> {
  await transact(client, async () => {
    await client.query(FINISH, [
      number,
      run.state,
      JSON.stringify(run),
      JSON.stringify(findings),
      JSON.stringify(cost),
    ])
    await client.query(PROVE, [number])
    await client.query(FORGET)
  })
  await client.query('select pg_catalog.pg_advisory_unlock($1, $2::int4)', [LOCK_CLASS, number])
}

/** Notes that the keys which a run had sent once more were read again, and are equal. */
export async function proveReconciliation(
  client: pg.ClientBase,
  number: string,
  by: string | null,
): Promise<void> {
  await client.query(PROVE_ONE, [number, by])
}

/**
 * The newest ones, without their findings.
 * @param before number: only older ones.
 */
export async function listReconciliations(
  client: pg.ClientBase,
  limit: number,
  before?: string,
): Promise<ReconciliationRecord[]> {
  const { rows } = await client.query<RecordRow>(
    `${SELECT_WITHOUT_FINDINGS} where $2::bigint is null or r.number < $2
     order by r.number desc limit $1`,
    [limit, before ?? null],
  )
  return rows.map(recordOf)
}

/** One of them: by its id, or the newest. */
export async function readReconciliation(
  client: pg.ClientBase,
  id: string,
): Promise<ReconciliationRecord | undefined> {
  const { rows } =
    id === 'latest'
      ? await client.query<RecordRow>(`${SELECT} order by r.number desc limit 1`)
      : await client.query<RecordRow>(`${SELECT} where r.id = $1::uuid`, [id])
  return rows[0] && recordOf(rows[0])
}

/** Those that were repaired and whose keys nobody has read again, the oldest first. */
export async function listUnproven(client: pg.ClientBase): Promise<ReconciliationRecord[]> {
  const { rows } = await client.query<RecordRow>(
    `${SELECT} where r.state = 'repaired' and r.proven_at is null order by r.number limit 32`,
  )
  return rows.map(recordOf)
}

/**
 * Those that have ended and that HQ has not been told, the oldest first; one that is proven since is
 * told again.
 */
export async function listUntold(client: pg.ClientBase): Promise<ReconciliationRecord[]> {
  const { rows } = await client.query<RecordRow>(
    `${SELECT} where r.finished_at is not null and r.told_at is null order by r.number limit 32`,
  )
  return rows.map(recordOf)
}

/** Notes that HQ has been told what a record says. */
export async function noteTold(
  client: pg.ClientBase,
  { number, provenAt }: ReconciliationRecord,
): Promise<void> {
  await client.query(TOLD, [number, provenAt !== null])
}
