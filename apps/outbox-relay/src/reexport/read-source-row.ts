import type { Dataset } from '@hq-export/contract'
import pg from 'pg'
import { viewColumns, viewName } from '../binding/projection/view-sql.ts'
import { wireBodySql } from '../binding/projection/wire-body.ts'
import { MAX_BODY_BYTES } from '../outbox/row-size.ts'
import { NotReplayableError } from './not-replayable-error.ts'

/** A contract row as the source has it now. */
export interface SourceRow {
  readonly key: string
  /** Exported version; null for append-only datasets. */
  readonly version: string | null
  /** JSON text, byte for byte what a capture trigger would write. */
  readonly body: string
}

/** SQL of rows of the projection view `v`, each as a {@link SourceRow}. */
export function selectRows(dataset: Dataset, conditions: readonly string[]): string {
  const column = (name: string): string => `v.${pg.escapeIdentifier(name)}`
  const body = wireBodySql(viewColumns(dataset, 'v'))
  const key = dataset.primaryKey.map((name) => `${column(name)}::text`).join(` || '/' || `)
  const version =
    dataset.versionColumn === undefined ? 'null' : `${column(dataset.versionColumn)}::text`
  return `select ${key} as key, ${version} as version, ${body} as body
from ${viewName(dataset.name)} v
where ${conditions.join(' and ')}`
}

/** Conditions of {@link selectRows} by the values of a key as parameters. */
function keyConditions(dataset: Dataset): string[] {
  return dataset.primaryKey.map((name, index) => {
    const type = dataset.columns.find((column) => column.name === name)?.type ?? 'text'
    return `v.${pg.escapeIdentifier(name)} = $${index + 1}::${type}`
  })
}

interface MeasuredRow extends Omit<SourceRow, 'body'> {
  readonly bytes: number
  readonly body: string | null
}

/**
 * Reads a row from the projection view by its contract key: an index look-up where the key is one
 * of the source's.
 * @returns undefined where the source has no such row (any more), or it is not under contract.
 * @throws {NotReplayableError} where it is too large for HQ.
 */
export async function readSourceRow(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<SourceRow | undefined> {
  // Every key of the contract is made of uuids, which hold no slash.
  const values = key.split('/')
  const conditions = keyConditions(dataset)
  if (values.length !== conditions.length) return undefined
  const { rows } = await client.query<MeasuredRow>(
    `select key, version, bytes, case when bytes <= ${MAX_BODY_BYTES} then body end as body
from (select *, pg_catalog.octet_length(body) as bytes
  from (${selectRows(dataset, conditions)} offset 0) built offset 0) measured`,
    values,
  )
  const [row] = rows
  if (row === undefined) return undefined
  const { bytes, body, version } = row
  if (body === null) {
    const why =
      `the source's row has ${bytes} bytes, HQ takes ${MAX_BODY_BYTES}: make it smaller, ` +
      'or discard the letter'
    throw new NotReplayableError(why)
  }
  return { key: row.key, version, body }
}

/**
 * SQL that reads the exported version of a row by the values of its key, and no row where the
 * source has none, or it is not under contract. Computes nothing else of the row.
 */
export function versionStatement(dataset: Dataset): string {
  return `select version from (${selectRows(dataset, keyConditions(dataset))}) r`
}

/**
 * The exported version of an entity as it is now; undefined where the source has no such row (any
 * more).
 */
export async function readVersion(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ version: string }>(
    versionStatement(dataset),
    key.split('/'),
  )
  return rows[0] === undefined ? undefined : BigInt(rows[0].version)
}
