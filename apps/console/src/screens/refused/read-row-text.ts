import { SHOWN_CHARS } from '@hq-export/runtime/shown-text.ts'
import type pg from 'pg'
import type { SideName } from '../../actions/action.ts'
import { inSavepoint } from '../../actions/in-savepoint.ts'

/** Columns of a row that are told. */
const MAX_COLUMNS = 200

const TEXT: Readonly<Record<SideName, { readonly from: string; readonly column: string }>> = {
  hq: { from: 'ingest.quarantine as r', column: 'r.row_text' },
  dx: { from: 'hq_export.dead_letter as r', column: 'r.body' },
}

/** A value without what it is. */
export interface MaskedValue {
  readonly column: string
  readonly type: string
  /** Characters of its JSON text; of a string without the quotes. */
  readonly length: number
}

/** A value as it was sent. */
export interface ShownValue {
  readonly column: string
  /** Its JSON text, so that no digit of it changes. */
  readonly value: string
}

/** The values of a row, or its text where it is no JSON object that PostgreSQL reads. */
export type ShownRow = { readonly values: readonly ShownValue[] } | { readonly text: string | null }

/** What stands in a row, without any value of it: nothing else leaves the database. */
export async function readShape(
  client: pg.ClientBase,
  side: SideName,
  id: string,
): Promise<readonly MaskedValue[] | undefined> {
  const { from, column } = TEXT[side]
  try {
    const { rows } = await client.query<MaskedValue>(
      `select v.key as column, pg_catalog.json_typeof(v.value) as type,
         pg_catalog.length(v.value::text)
           - case pg_catalog.json_typeof(v.value) when 'string' then 2 else 0 end as length
       from ${from} cross join lateral pg_catalog.json_each(${column}::json) as v
       where r.id = $1::bigint limit ${MAX_COLUMNS}`,
      [id],
    )
    return rows
  } catch (error) {
    // What was sent may be no JSON that PostgreSQL reads, such as one with U+0000 in a name.
    if (String((error as { code?: unknown }).code).startsWith('22')) return undefined
    throw error
  }
}

/** The row with its values, in the open transaction, which says who saw them. */
export async function readValues(
  client: pg.ClientBase,
  side: SideName,
  id: string,
): Promise<ShownRow> {
  const { from, column } = TEXT[side]
  const read = await inSavepoint(client, () =>
    client.query<ShownValue>(
      `select v.key as column, pg_catalog."left"(v.value::text, ${SHOWN_CHARS}) as value
       from ${from} cross join lateral pg_catalog.json_each(${column}::json) as v
       where r.id = $1::bigint limit ${MAX_COLUMNS}`,
      [id],
    ),
  )
  if ('value' in read) return { values: read.value.rows }
  const { rows } = await client.query<{ text: string | null }>(
    `select pg_catalog."left"(${column}, ${SHOWN_CHARS}) as text
     from ${from} where r.id = $1::bigint`,
    [id],
  )
  return { text: rows[0]?.text ?? null }
}
