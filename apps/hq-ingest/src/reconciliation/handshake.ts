import { CANARIES_SQL, type Dataset, type DigestAnswer, TYPE_NAMES } from '@hq-export/contract'
import { PROGRAM_VERSION } from '@hq-export/runtime/cli/program-version.ts'
import type pg from 'pg'
import type { IngestKey } from '../keys/ingest-key.ts'
import { specsOf } from './question.ts'

// Of another type a value has another hash; a column that is not there has none.
const WRONG_TYPES = `
  select e.name from unnest($2::text[], $3::text[]) with ordinality as e (name, type, n)
  where not exists (
    select from pg_catalog.pg_attribute as a
    where a.attrelid = pg_catalog.to_regclass($1) and a.attname = e.name and not a.attisdropped
      and pg_catalog.format_type(a.atttypid, a.atttypmod) = e.type)
  order by e.n`

/** Columns of a dataset whose type in HQ is not the contract's. */
export async function readWrongTypes(
  client: pg.ClientBase,
  { name, columns }: Dataset,
): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(WRONG_TYPES, [
    `hq.${name}`,
    columns.map((column) => column.name),
    columns.map(({ type }) => TYPE_NAMES[type]),
  ])
  return rows.map((row) => row.name)
}

/** What could be compared: specs, canaries, types, and the orgs that the key may see. */
export async function readHandshake(
  client: pg.ClientBase,
  dataset: Dataset,
  { orgs }: IngestKey,
): Promise<Omit<DigestAnswer, 'result'>> {
  const { rows } = await client.query<DigestAnswer['canaries']>(CANARIES_SQL)
  const [canaries] = rows
  if (canaries === undefined) throw new Error('HQ did not compute the canaries')
  return {
    specs: specsOf(dataset).map(({ id, algorithm }) => ({ id, algorithm })),
    canaries,
    wrong_types: await readWrongTypes(client, dataset),
    orgs: orgs === undefined ? null : [...orgs],
    version: PROGRAM_VERSION,
  }
}
