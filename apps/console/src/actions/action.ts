import { HQ } from '@hq-export/hq-ingest/db/connect.ts'
import { DATA_ENGINE_X } from '@hq-export/outbox-relay/session/why-not-connected.ts'
import type pg from 'pg'

/** Where something is changed. */
export type SideName = 'hq' | 'dx'

/** What operators call them. */
export const SIDE_NAMES: Readonly<Record<SideName, string>> = {
  hq: HQ.name,
  dx: DATA_ENGINE_X.name,
}

/** Both sides have the same two tables. */
export const SCHEMA_OF: Readonly<Record<SideName, string>> = { hq: 'ingest', dx: 'hq_export' }

/** What was done, or is being done. Never a value of a row. */
export interface ActionRecord {
  readonly side: SideName
  readonly id: string
  /** As the audit says, such as `quarantine.discard`. */
  readonly kind: string
  readonly actor: string
  /** `stopped`: by somebody, before it came to its end. */
  readonly state: 'running' | 'done' | 'stopped'
  /** Why, in the words of who asked for it. */
  readonly reason: string | null
  readonly selection: Readonly<Record<string, unknown>>
  readonly requestedAt: string
  /** When it came on last. */
  readonly updatedAt: string
  readonly finishedAt: string | null
  readonly done: number
  readonly failed: number
  /** Items up to this id have an outcome; the last one is `through`. */
  readonly position: string
  readonly through: string
}

const iso = (column: string, name: string): string =>
  `pg_catalog.to_json(a.${column}) #>> '{}' as "${name}"`

const COLUMNS = `
  a.id::text as id, a.kind, a.actor, a.state, a.reason, a.selection,
  ${iso('requested_at', 'requestedAt')}, ${iso('updated_at', 'updatedAt')},
  ${iso('finished_at', 'finishedAt')}, a.done, a.failed,
  a.position::text as position, a.through::text as through`

/** One of them. */
export async function readAction(
  client: pg.ClientBase,
  side: SideName,
  id: string,
): Promise<ActionRecord | undefined> {
  const { rows } = await client.query<Omit<ActionRecord, 'side'>>(
    `select ${COLUMNS} from ${SCHEMA_OF[side]}.action as a where a.id = $1::uuid`,
    [id],
  )
  return rows[0] && { side, ...rows[0] }
}

/** Ids of actions as forms and addresses have them. */
export const ACTION_ID_PATTERN = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/

/** Where a page of actions begins: below this one. */
export interface ActionCursor {
  readonly at: string
  readonly id: string
}

/** The newest first, below `before` where it is given. */
export async function listActions(
  client: pg.ClientBase,
  side: SideName,
  limit: number,
  before?: ActionCursor,
): Promise<ActionRecord[]> {
  const below =
    before === undefined ? '' : 'where (a.requested_at, a.id) < ($2::timestamptz, $3::uuid)'
  const { rows } = await client.query<Omit<ActionRecord, 'side'>>(
    `select ${COLUMNS} from ${SCHEMA_OF[side]}.action as a ${below}
     order by a.requested_at desc, a.id desc limit $1`,
    [limit, ...(before === undefined ? [] : [before.at, before.id])],
  )
  return rows.map((row) => ({ side, ...row }))
}

/** The oldest that runs and that nobody else works on at this moment. Locks it. */
export async function claimAction(
  client: pg.ClientBase,
  side: SideName,
  kinds: readonly string[],
): Promise<ActionRecord | undefined> {
  const { rows } = await client.query<Omit<ActionRecord, 'side'>>(
    `select ${COLUMNS} from ${SCHEMA_OF[side]}.action as a
     where a.state = 'running' and a.kind = any ($1::text[])
     order by a.requested_at limit 1 for update skip locked`,
    [kinds],
  )
  return rows[0] && { side, ...rows[0] }
}

/** True while one runs. */
export async function hasRunningAction(client: pg.ClientBase, side: SideName): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select exists (select from ${SCHEMA_OF[side]}.action as a where a.state = 'running') as found`,
  )
  return rows[0]?.found ?? false
}

/** What is to be begun. */
export interface NewAction {
  /** Of the confirmation. */
  readonly id: string
  readonly kind: string
  readonly actor: string
  readonly reason: string | undefined
  readonly selection: object
  /** Last item; what is done at once has none. */
  readonly through: string | undefined
}

/** An action of this age is forgotten; the audit stays. */
const KEPT_DAYS = 400
/** Old ones that go when one comes. */
const FORGOTTEN_AT_ONCE = 5

/**
 * Records an action, in the open transaction; without items it is done with it.
 * @returns false where its form was sent before: then nothing is to be done.
 */
export async function beginAction(
  client: pg.ClientBase,
  side: SideName,
  action: NewAction,
): Promise<boolean> {
  const table = `${SCHEMA_OF[side]}.action`
  const { id, kind, actor, reason = null, selection, through = null } = action
  const { rowCount } = await client.query(
    `insert into ${table} (id, kind, actor, reason, selection, through, state, done, finished_at)
     values ($1::uuid, $2, $3, $4, $5::jsonb, coalesce($6::bigint, 0),
       case when $6::bigint is null then 'done' else 'running' end,
       case when $6::bigint is null then 1 else 0 end,
       case when $6::bigint is null then pg_catalog.clock_timestamp() end)
     on conflict (id) do nothing`,
    [id, kind, actor, reason, JSON.stringify(selection), through],
  )
  await client.query(
    `delete from ${table} where id in (
       select a.id from ${table} as a
       where a.requested_at < pg_catalog.clock_timestamp() - interval '${KEPT_DAYS} days'
         and a.state <> 'running'
       order by a.requested_at limit ${FORGOTTEN_AT_ONCE} for update skip locked)`,
  )
  return rowCount === 1
}

/** What became of an item. */
export interface ItemOutcome {
  readonly item: string
  readonly outcome: 'done' | 'failed'
  /** Why it failed; never a value of a row. */
  readonly reason: string | null
}

/** Records what became of the next items, in the transaction that did it; none: it is over. */
export async function recordOutcomes(
  client: pg.ClientBase,
  { side, id }: Pick<ActionRecord, 'side' | 'id'>,
  items: readonly ItemOutcome[],
): Promise<void> {
  const schema = SCHEMA_OF[side]
  const last = items.at(-1)
  if (last === undefined) {
    await client.query(
      `update ${schema}.action set state = 'done', finished_at = pg_catalog.clock_timestamp(),
         updated_at = pg_catalog.clock_timestamp()
       where id = $1::uuid`,
      [id],
    )
    return
  }
  const failed = items.filter(({ outcome }) => outcome === 'failed').length
  await client.query(
    `insert into ${schema}.action_item (action, item, outcome, reason)
     select $1::uuid, i.item, i.outcome, i.reason
     from pg_catalog.json_to_recordset($2::json) as i (item int8, outcome text, reason text)`,
    [id, JSON.stringify(items)],
  )
  await client.query(
    `update ${schema}.action set position = $2::bigint, done = done + $3, failed = failed + $4,
       updated_at = pg_catalog.clock_timestamp()
     where id = $1::uuid`,
    [id, last.item, items.length - failed, failed],
  )
}

/** Ends one that runs, between two pieces; what is done stays. @returns false where none runs. */
export async function stopAction(
  client: pg.ClientBase,
  side: SideName,
  id: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update ${SCHEMA_OF[side]}.action
     set state = 'stopped', finished_at = pg_catalog.clock_timestamp(),
       updated_at = pg_catalog.clock_timestamp()
     where id = $1::uuid and state = 'running'`,
    [id],
  )
  return rowCount === 1
}

/** Outcomes of an action by the id of the item, failed ones alone where asked for. */
export async function readOutcomes(
  client: pg.ClientBase,
  { side, id }: Pick<ActionRecord, 'side' | 'id'>,
  outcome: 'done' | 'failed' | undefined,
  limit: number,
  after: string,
): Promise<ItemOutcome[]> {
  const { rows } = await client.query<ItemOutcome>(
    `select i.item::text as item, i.outcome, i.reason from ${SCHEMA_OF[side]}.action_item as i
     where i.action = $1::uuid and ($2::text is null or i.outcome = $2) and i.item > $4::bigint
     order by i.item limit $3`,
    [id, outcome ?? null, limit, after],
  )
  return rows
}
