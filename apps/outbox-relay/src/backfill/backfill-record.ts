import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { type BackfillProgress, backfillProgressSchema } from './progress.ts'
import type { BackfillSelection } from './selection.ts'

export type BackfillState = 'running' | 'paused' | 'canceled' | 'completed' | 'failed'

/** A backfill as `hq_export.backfill` has it. */
export interface BackfillRecord {
  readonly id: string
  readonly state: BackfillState
  /** Why it failed, or why nothing moves; null while all is well. */
  readonly reason: string | null
  readonly requestedAt: string
  /** When something of it changed last. */
  readonly updatedAt: string
  readonly finishedAt: string | null
  readonly selection: BackfillSelection
  readonly progress: BackfillProgress
}

interface RecordRow {
  id: string
  state: BackfillState
  reason: string | null
  requested_at: string
  updated_at: string
  finished_at: string | null
  dataset: string | null
  since: string | null
  until: string | null
  org_id: string | null
  progress: unknown
}

const iso = (column: string): string => `pg_catalog.to_json(b.${column}) #>> '{}' as ${column}`

const SELECT = /* sql */ `
select b.id::text as id, b.state, b.reason, ${iso('requested_at')}, ${iso('updated_at')},
       ${iso('finished_at')}, b.dataset, ${iso('since')}, ${iso('until')},
       b.org_id::text as org_id, b.progress
from hq_export.backfill b`

const INSERT = /* sql */ `
insert into hq_export.backfill (dataset, since, until, org_id, progress)
values ($1, $2::timestamptz, $3::timestamptz, $4::uuid, $5::jsonb)
returning id::text as id`

// Only whoever holds the lock of execution calls it, on the session that holds it: a session that
// was lost writes nothing any more. The state is the operator's; it is read here, and changed only
// where the work came to its end.
const SAVE = /* sql */ `
update hq_export.backfill b
set progress = $2::jsonb, reason = $3, updated_at = pg_catalog.clock_timestamp()
where b.id = $1::bigint
returning b.state`

// With it ends the time in which a replaced version has to be kept: every version that was current
// when its dataset was bound has been read from the view, unless somebody had replaced it, and then
// that one exported it. Whatever was bound anew since the request is left alone. Gaps that the
// request saw are closed: what they left out was committed before it, and has been read.
const FINISH = /* sql */ `
with finished as (
  update hq_export.backfill b
  set state = $2, reason = $3, finished_at = pg_catalog.clock_timestamp(),
    updated_at = pg_catalog.clock_timestamp()
  where b.id = $1::bigint and b.state = 'running'
  returning b.state, b.requested_at, b.since, b.until, b.org_id, b.progress, b.requested_in
), closed as (
  update hq_export.capture_gap g
  set closed_at = pg_catalog.clock_timestamp()
  from finished f
  cross join lateral pg_catalog.jsonb_to_recordset(f.progress -> 'passes') p
    (dataset text, kind text)
  join hq_export.binding d on d.dataset = p.dataset
  where f.state = 'completed' and f.since is null and f.until is null and f.org_id is null
    and p.kind = 'rows'
    and g.dataset = d.number and g.closed_at is null
    and pg_catalog.pg_visible_in_snapshot(g.xid, f.requested_in)
)
update hq_export.binding d
set history_complete_at = pg_catalog.clock_timestamp()
from finished f
cross join lateral pg_catalog.jsonb_to_recordset(f.progress -> 'passes') p
  (dataset text, snapshots text)
where f.state = 'completed' and f.since is null and f.until is null and f.org_id is null
  and p.dataset = d.dataset and p.snapshots <> 'none'
  and d.history_complete_at is null and d.captured_since <= f.requested_at`

const STEER = /* sql */ `
update hq_export.backfill b
set state = $2, reason = null, updated_at = pg_catalog.clock_timestamp(),
    finished_at = case when $2 = 'canceled' then pg_catalog.clock_timestamp() end
where b.id = $1::bigint and b.state = any ($3::text[])`

function recordOf(row: RecordRow): BackfillRecord {
  const { id, state, reason, dataset, since, until } = row
  return {
    id,
    state,
    reason,
    requestedAt: row.requested_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
    selection: { dataset, since, until, orgId: row.org_id },
    progress: parseRecord(backfillProgressSchema, row.progress, {
      ...{ name: `backfill ${id}`, table: 'hq_export.backfill', column: 'progress' },
      where: `id = ${id}`,
    }),
  }
}

/**
 * Records what is to be done; whoever executes backfills takes it up from there. @returns its id.
 */
export async function insertBackfill(
  client: pg.ClientBase,
  selection: BackfillSelection,
  progress: BackfillProgress,
): Promise<string> {
  const { dataset, since, until, orgId } = selection
  const { rows } = await client.query<{ id: string }>(INSERT, [
    dataset,
    since,
    until,
    orgId,
    JSON.stringify(progress),
  ])
  const [row] = rows
  if (row === undefined) throw new Error('a backfill was recorded')
  return row.id
}

/** The oldest one that is to be executed now. */
export async function nextBackfill(client: pg.ClientBase): Promise<BackfillRecord | undefined> {
  const { rows } = await client.query<RecordRow>(
    `${SELECT} where b.state = 'running' order by b.id limit 1`,
  )
  return rows[0] && recordOf(rows[0])
}

/** True while one is to be executed. */
export async function hasRunningBackfill(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (select from hq_export.backfill b where b.state = 'running') as found`,
  )
  return rows[0]?.found ?? false
}

export async function readBackfill(
  client: pg.ClientBase,
  id: string,
): Promise<BackfillRecord | undefined> {
  const { rows } = await client.query<RecordRow>(`${SELECT} where b.id = $1::bigint`, [id])
  return rows[0] && recordOf(rows[0])
}

/** All of them, the newest first. */
export async function listBackfills(client: pg.ClientBase): Promise<BackfillRecord[]> {
  return (await client.query<RecordRow>(`${SELECT} order by b.id desc`)).rows.map(recordOf)
}

/**
 * Those of some states, the newest first.
 * @param before id below which they begin.
 */
export async function listBackfillsIn(
  client: pg.ClientBase,
  states: readonly BackfillState[],
  { before = null, limit }: { readonly before?: string | null; readonly limit: number },
): Promise<BackfillRecord[]> {
  const { rows } = await client.query<RecordRow>(
    `${SELECT} where b.state = any ($1::text[]) and ($2::bigint is null or b.id < $2::bigint)
     order by b.id desc limit $3`,
    [states, before, limit],
  )
  return rows.map(recordOf)
}

/** Records how far it has come. @returns the state that an operator wants. */
export async function saveProgress(
  client: pg.ClientBase,
  id: string,
  progress: BackfillProgress,
  reason: string | null,
): Promise<BackfillState> {
  const { rows } = await client.query<{ state: BackfillState }>(SAVE, [
    id,
    JSON.stringify(progress),
    reason,
  ])
  // Nobody deletes records; should somebody, there is nothing left to do.
  return rows[0]?.state ?? 'canceled'
}

/**
 * Ends it, unless an operator has paused or canceled it meanwhile. One that went through a dataset
 * as a whole completes its history (`hq_export.binding.history_complete_at`).
 */
export async function finishBackfill(
  client: pg.ClientBase,
  id: string,
  state: 'completed' | 'failed',
  reason: string | null,
): Promise<void> {
  await client.query(FINISH, [id, state, reason])
}

const TRANSITIONS = {
  pause: { to: 'paused', from: ['running'] },
  // A failed one goes on where it stopped; of one that runs, what held it up is forgotten.
  resume: { to: 'running', from: ['running', 'paused', 'failed'] },
  cancel: { to: 'canceled', from: ['running', 'paused', 'failed'] },
} as const

/** What an operator may want of a backfill. */
export type BackfillAction = keyof typeof TRANSITIONS

/**
 * Changes the state as an operator wants. @returns false where the backfill is not in a state from
 * which it can.
 */
export async function controlBackfill(
  client: pg.ClientBase,
  id: string,
  action: BackfillAction,
): Promise<boolean> {
  const { to, from } = TRANSITIONS[action]
  return (await client.query(STEER, [id, to, [...from]])).rowCount === 1
}
