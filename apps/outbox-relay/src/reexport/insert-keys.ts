import { type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { type Binding, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { entityTypeOf } from '../binding/projection/projection.ts'
import { insertSelected } from './insert-export-row.ts'
import { selectRows } from './read-source-row.ts'

/** A contract row that is sent as its view has it now. */
export interface SentKey {
  /** Contract key, its values joined by `/`. */
  readonly key: string
  readonly traceparent: string | null
}

// Index look-ups by key only: tables without statistics look small enough to scan for each row.
const LOOK_UP = /* sql */ `
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local enable_material = off`

/**
 * Projects rows from their views into the outbox, in the open transaction: of an entity its
 * snapshot too, by the same statement and so of the same version. A key that the view has not goes
 * nowhere. Takes no lock on a key; sets how rows are looked up until the transaction ends.
 * @param binding what says whether a dataset has snapshots.
 * @returns rows that went into the outbox, snapshots included.
 */
export async function insertKeys(
  client: pg.ClientBase,
  binding: Binding | undefined,
  dataset: Dataset,
  keys: readonly SentKey[],
): Promise<number> {
  const matches = dataset.primaryKey.map((name, index) => {
    const type = dataset.columns.find((column) => column.name === name)?.type ?? 'text'
    const value = `pg_catalog.split_part(k.key, '/', ${index + 1})::${type}`
    return `v.${pg.escapeIdentifier(name)} = ${value}`
  })
  // The lateral subquery stays one index look-up per key, and computes the row of no other.
  const selectFrom = (from: Dataset, conditions: readonly string[]): string => `
select ${from.number} as dataset, v.version::bigint as version, false as deleted,
  v.key, k.traceparent, v.body
from keys k
cross join lateral (${selectRows(from, conditions)} offset 0) v`
  const selects = [selectFrom(dataset, matches)]
  const bound = binding?.datasets.find((candidate) => candidate.dataset === dataset.name)
  if (bound?.snapshot !== undefined) {
    const isOfType = `v.entity_type = ${pg.escapeLiteral(entityTypeOf(dataset))}`
    selects.push(selectFrom(datasetByName(SNAPSHOTS_DATASET), [...matches, isOfType]))
  }
  const select = `with keys as materialized (
  select k.key, k.traceparent
  from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) k (key, traceparent)
)
${selects.join('\nunion all')}`
  await client.query(LOOK_UP)
  return insertSelected(client, select, [
    keys.map(({ key }) => key),
    keys.map(({ traceparent }) => traceparent),
  ])
}
