import type pg from 'pg'
import type { Binding, BoundDataset } from '../binding/binding-schema.ts'
import { snapshotSelect } from '../binding/capture/prior-versions.ts'
import { insertSelected } from './insert-export-row.ts'
import { type RawSource, rawSource } from './raw-source.ts'

/**
 * A version that was replaced before it was ever exported, and that its trigger could not project.
 */
export interface RawVersion {
  readonly bound: BoundDataset
  readonly source: RawSource
  /** The raw row as the only one of a JSON array. */
  readonly raw: string
  /** What it is exported as. */
  readonly version: string
}

// By the server: the text of a json value stays as it was captured.
const READ = /* sql */ `
select $1::json ->> 'dataset' as dataset, $1::json ->> 'version' as version,
       ($1::json -> 'row')::text as row`

/**
 * Reads what the trigger kept.
 * @returns why it cannot be projected, where it cannot; never a value of it.
 */
export async function readRawVersion(
  client: pg.ClientBase,
  binding: Binding | undefined,
  body: string,
): Promise<RawVersion | string> {
  const { rows } = await client.query<{ dataset: string; version: string | null; row: string }>(
    READ,
    [body],
  )
  const [kept] = rows
  if (kept === undefined) throw new Error('a raw version has its parts')
  const bound = binding?.datasets.find(({ dataset }) => dataset === kept.dataset)
  if (bound?.snapshot === undefined) return `${kept.dataset} is not bound; bind it first`
  if (kept.version === null) return 'nobody knows which version it was exported as; reconcile'
  const raw = `[${kept.row}]`
  const source = await rawSource(client, bound, raw)
  if (source.missing.length > 0)
    return `its raw row lacks column ${source.missing.join(', ')}; reconcile`
  return { bound, source, raw, version: kept.version }
}

/**
 * Puts the snapshot of a raw version into the outbox, in the open transaction. @returns 0 where it
 * is not under contract.
 */
export async function insertRawVersion(
  client: pg.ClientBase,
  { bound, source, raw, version }: RawVersion,
): Promise<number> {
  const from = `${source.sql}\ncross join lateral (select $2::bigint as version offset 0) v`
  return insertSelected(client, snapshotSelect(bound, from), [raw, version])
}
