import type pg from 'pg'

/** The three outbox tables, by number. */
export const OUTBOX_TABLES = [0, 1, 2] as const
export type OutboxTable = (typeof OUTBOX_TABLES)[number]

/** SQL: their names, separated by commas. */
export const OUTBOX_NAMES = OUTBOX_TABLES.map((table) => `hq_export.outbox_${table}`).join(', ')

/** SQL: the tables as `regclass`, separated by commas. */
export const OUTBOX_REGCLASSES = OUTBOX_TABLES.map(
  (table) => `'hq_export.outbox_${table}'::regclass`,
).join(', ')

/** SQL: the rows of all three, each read by `select`. */
export function unionOfOutbox(select: (table: string) => string): string {
  return OUTBOX_TABLES.map((table) => select(`hq_export.outbox_${table}`)).join('\n  union all\n  ')
}

/** SQL: UTC day of a row's capture, by the source's clock. */
export const DAY = `(captured_at at time zone 'UTC')::date`

/** SQL: this life of the server, which is the epoch of its acks; no row where it has not begun. */
export const LIFE = /* sql */ `
select c.system_identifier || '.' || i.id as epoch
from pg_catalog.pg_control_system() c cross join hq_export.incarnation i`

/** SQL: the first id that no transaction has had yet when the statement's snapshot was taken. */
export const CURRENT_XMAX = '(select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))'

/**
 * SQL: conditions of the rows that a snapshot does not show: what began after it, and what was open
 * then. Each is a range of the index. The range from its xmin on would be one, and go back to where
 * the oldest writer began, over all that was settled since.
 */
export function unseenBy(snapshot: string): readonly [begunSince: string, openThen: string] {
  return [
    `xid >= pg_catalog.pg_snapshot_xmax(${snapshot}::pg_snapshot)`,
    `xid = any (array(select pg_catalog.pg_snapshot_xip(${snapshot}::pg_snapshot)))`,
  ]
}

/** SQL: the rows of all three tables that a snapshot does not show, each range read by `select`. */
export function unionOfUnseen(
  snapshot: string,
  select: (table: string, range: string) => string,
): string {
  return unionOfOutbox((table) =>
    unseenBy(snapshot)
      .map((range) => select(table, range))
      .join('\n  union all\n  '),
  )
}

/** SQL: columns of the rows of all three tables that a snapshot does not show. */
export function selectUnseen(snapshot: string, columns: string): string {
  return unionOfUnseen(snapshot, (table, range) => `select ${columns} from ${table} where ${range}`)
}

/**
 * SQL: number of the table that writers fill now. Read without MVCC; whoever read it shortly before
 * a rotation writes into the last one all the same, which readers look into, too.
 */
export const CURRENT_OUTBOX = /* sql */ `
coalesce(pg_catalog.pg_sequence_last_value('hq_export.current_outbox'), 0)::int`.trim()

/** Number of the table that writers fill now. */
export async function currentOutbox(client: pg.ClientBase): Promise<OutboxTable> {
  const { rows } = await client.query<{ current: OutboxTable }>(
    `select ${CURRENT_OUTBOX} as current`,
  )
  if (rows[0] === undefined) throw new Error('the outbox has a current table')
  return rows[0].current
}

/** Its name, as SQL. */
export async function currentOutboxName(client: pg.ClientBase): Promise<string> {
  return `hq_export.outbox_${await currentOutbox(client)}`
}
