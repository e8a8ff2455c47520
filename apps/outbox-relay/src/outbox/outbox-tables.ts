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
