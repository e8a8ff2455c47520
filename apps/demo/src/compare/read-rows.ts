import type { Dataset } from '@hq-export/contract'
import pg from 'pg'

/** One side of a comparison: a relation with every column of a dataset. */
export interface RowSource {
  readonly client: pg.ClientBase
  /** Schema-qualified, as SQL. */
  readonly relation: string
  /** Condition with its parameters from `$1` on; every row where it is absent. */
  readonly where?: { readonly sql: string; readonly values: readonly unknown[] }
}

/** A row as text: its key, and every contract column in the contract's order; null is NULL. */
export interface TextRow {
  readonly key: string
  readonly values: readonly (string | null)[]
}

const PAGE_ROWS = 1_000

/**
 * Settings that the text of a value depends on, the same on both sides; and the plan: by index in
 * key order, whatever the statistics of a table that has just been filled say.
 */
const SESSION = /* sql */ `
select pg_catalog.set_config('timezone', 'UTC', false),
       pg_catalog.set_config('datestyle', 'ISO', false),
       pg_catalog.set_config('enable_seqscan', 'off', false),
       pg_catalog.set_config('jit', 'off', false)`

/** Makes the text of values the same on every server; once per session. */
export async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query(SESSION)
}

function pageSql(dataset: Dataset, source: RowSource): string {
  const name = pg.escapeIdentifier
  const key = dataset.primaryKey.map(name).join(', ')
  const columns = dataset.columns.map((column) => `${name(column.name)}::text`).join(', ')
  const given = source.where?.values.length ?? 0
  const after = dataset.primaryKey.map((_, index) => `$${given + index + 1}::text::uuid`).join(', ')
  const first = `$${given + 1}::text is null`
  const conditions = [`(${first} or (${key}) > (${after}))`]
  if (source.where !== undefined) conditions.push(`(${source.where.sql})`)
  return `select ${columns} from ${source.relation}
where ${conditions.join(' and ')}
order by ${key} limit ${PAGE_ROWS}`
}

/**
 * Streams the rows of one side in the order of the key, page by page, so that memory does not
 * depend on the number of rows. Every key of the contract is made of uuids, whose order is that of
 * their text.
 */
export async function* readRows(dataset: Dataset, source: RowSource): AsyncGenerator<TextRow> {
  const keyIndexes = dataset.primaryKey.map((name) =>
    dataset.columns.findIndex((column) => column.name === name),
  )
  const text = pageSql(dataset, source)
  let after: readonly (string | null)[] = dataset.primaryKey.map(() => null)
  for (;;) {
    const { rows } = await source.client.query<(string | null)[]>({
      text,
      values: [...(source.where?.values ?? []), ...after],
      rowMode: 'array',
    })
    for (const values of rows) {
      yield { key: keyIndexes.map((index) => values[index]).join('/'), values }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE_ROWS) return
    after = keyIndexes.map((index) => last[index] ?? null)
  }
}
