import type pg from 'pg'

/** Which entries a command is about: those that meet every condition given. */
export interface Selection {
  /** These, open or not; without, open ones. */
  readonly ids?: readonly string[] | undefined
  readonly source?: string | undefined
  readonly dataset?: string | undefined
  /** Code for which they are refused. */
  readonly reason?: string | undefined
  /** Where in the row, such as `/row/status`, as {@link CAUSE_POINTER} has it. */
  readonly pointer?: string | undefined
  readonly org?: string | undefined
  readonly batch?: string | undefined
  /** Refused last at or after; any text that PostgreSQL reads as an instant. */
  readonly since?: string | undefined
  /** The resolved ones instead of the open ones. */
  readonly resolved?: boolean | undefined
}

/**
 * SQL: where in the row, whatever batch brought it and however long a source's name of a column is.
 * As the index by causes has it (migration 0027), of `ingest.quarantine as q`.
 */
export const CAUSE_POINTER =
  `(pg_catalog."left"(pg_catalog.regexp_replace(coalesce(q.pointer, ''), ` +
  `'^/rows/[0-9]+', ''), 200))`

/** A condition in SQL over `ingest.quarantine as q`, and its parameters from `$1` on. */
export interface Condition {
  readonly text: string
  readonly values: unknown[]
}

/** Only the conditions that were given stand in the statement, so that each finds its index. */
export function conditionOf(selection: Selection): Condition {
  const { ids, source, dataset, reason, pointer, org, batch, since, resolved } = selection
  const parts: string[] = []
  const values: unknown[] = []
  const given: readonly (readonly [unknown, (parameter: string) => string])[] = [
    [ids, (p) => `q.id = any (${p}::bigint[])`],
    [source, (p) => `q.source = ${p}`],
    [dataset, (p) => `q.dataset = ${p}`],
    [reason, (p) => `q.code = ${p}`],
    [pointer, (p) => `${CAUSE_POINTER} = ${p}`],
    [org, (p) => `q.org_id = ${p}::uuid`],
    [batch, (p) => `q.batch = ${p}`],
    [since, (p) => `q.last_seen_at >= ${p}::timestamptz`],
  ]
  for (const [value, write] of given) {
    if (value !== undefined) parts.push(write(`$${values.push(value)}`))
  }
  if (ids === undefined) parts.push(`q.resolved_at is ${resolved ? 'not ' : ''}null`)
  return { text: parts.join(' and '), values }
}

/** How many entries of a kind a selection has. */
export interface SelectedCount {
  readonly dataset: string
  readonly reason: string
  readonly rows: number
}

/** Counts what is selected, by dataset and reason. */
export async function countSelected(
  client: pg.ClientBase | pg.Pool,
  selection: Selection,
): Promise<SelectedCount[]> {
  const { text, values } = conditionOf(selection)
  const { rows } = await client.query<SelectedCount>(
    `select q.dataset, q.code as reason, pg_catalog.count(*)::int4 as rows
     from ingest.quarantine as q where ${text} group by q.dataset, q.code
     order by q.dataset, q.code`,
    values,
  )
  return rows
}

/** The ids that were asked for and do not exist. */
export async function missingIds(
  client: pg.ClientBase | pg.Pool,
  { ids = [] }: Selection,
): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await client.query<{ id: string }>(
    `select i.id::text as id from pg_catalog.unnest($1::bigint[]) as i (id)
     where not exists (select from ingest.quarantine as q where q.id = i.id) order by i.id`,
    [ids],
  )
  return rows.map(({ id }) => id)
}
