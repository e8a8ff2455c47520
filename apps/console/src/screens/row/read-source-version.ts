import type { Dataset } from '@hq-export/contract'
import { sourceRowSql } from '@hq-export/outbox-relay/binding/projection/source-row-sql.ts'
import { readBinding } from '@hq-export/outbox-relay/binding/read-binding.ts'
import { versionStatement } from '@hq-export/outbox-relay/reexport/read-source-row.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import pg from 'pg'

/** The row as the source has it now. */
export type SourceState =
  /** `version` is null in append-only datasets. */
  | { readonly kind: 'found'; readonly version: string | null }
  | { readonly kind: 'absent' }
  /** The source has it, and does not export it: by its filter, or not before it has ended. */
  | { readonly kind: 'filtered' | 'not ended' }
  | { readonly kind: 'not bound' }
  | { readonly kind: 'not looked for'; readonly why: string }

/**
 * What the planner may expect a look-up to cost, in its units: an index look-up through a view
 * costs some tens, and beyond this it would read a large table as a whole.
 */
const MAX_COST = 20_000
const QUERY_CANCELED = '57014'

async function costOf(
  client: pg.ClientBase,
  text: string,
  values: readonly string[],
): Promise<number> {
  const { rows } = await client.query<{
    'QUERY PLAN': readonly { Plan: { 'Total Cost': number } }[]
  }>(`explain (format json) ${text}`, [...values])
  return rows[0]?.['QUERY PLAN'][0]?.Plan['Total Cost'] ?? Number.POSITIVE_INFINITY
}

const TOO_COSTLY: SourceState = {
  kind: 'not looked for',
  why: 'no index of the source serves, and its table would have to be read as a whole',
}

/** What the database says no to, but for a page that takes too long. */
function isRefusal(error: unknown): error is pg.DatabaseError {
  return (
    error instanceof pg.DatabaseError && error.code !== QUERY_CANCELED && error.code !== '57P01'
  )
}

/** Asks the source's own table, as the login role: the relay's role sees what is exported alone. */
async function lookBesideContract(
  client: pg.ClientBase,
  dataset: Dataset,
  values: readonly string[],
): Promise<SourceState> {
  const binding = await readBinding(client)
  const bound = binding?.datasets.find((candidate) => candidate.dataset === dataset.name)
  if (bound === undefined) return { kind: 'absent' }
  if (bound.filter === undefined && bound.terminal === undefined) return { kind: 'absent' }
  const text = sourceRowSql(bound)
  const look = async (): Promise<SourceState> => {
    await client.query('set local role none')
    if ((await costOf(client, text, values)) > MAX_COST) return TOO_COSTLY
    const { rows } = await client.query<{ is_wanted: boolean; has_ended: boolean }>(text, [
      ...values,
    ])
    const [row] = rows
    if (row === undefined) return { kind: 'absent' }
    if (!row.is_wanted) return { kind: 'filtered' }
    return { kind: row.has_ended ? 'absent' : 'not ended' }
  }
  try {
    return await transact(client, look, { mode: 'read only' })
  } catch (error) {
    if (!isRefusal(error)) throw error
    const why = 'it is not exported; whether the table has it, this login may not see'
    return { kind: 'not looked for', why }
  }
}

/**
 * Reads which version the source has, through the projection view as the relay does; bounded: what
 * no index serves is not looked for.
 */
export async function readSourceState(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
): Promise<SourceState> {
  const bound = await client.query('select from hq_export.binding where dataset = $1', [
    dataset.name,
  ])
  if (bound.rowCount === 0) return { kind: 'not bound' }
  const values = key.split('/')
  const text = versionStatement(dataset)
  let found: pg.QueryResult<{ version: string | null }>
  try {
    if ((await costOf(client, text, values)) > MAX_COST) return TOO_COSTLY
    found = await client.query<{ version: string | null }>(text, values)
  } catch (error) {
    if (!isRefusal(error)) throw error
    // The application has changed its table, and nobody has bound it again.
    const why = `its projection view cannot be read (SQLSTATE ${error.code}); see the doctor`
    return { kind: 'not looked for', why }
  }
  const [row] = found.rows
  return row === undefined
    ? lookBesideContract(client, dataset, values)
    : { kind: 'found', version: row.version }
}

/** The entity that a snapshot is of, and its version. */
export interface SnapshotEntity {
  readonly dataset: Dataset
  readonly key: string
  readonly version: string
}

/**
 * Whether the source has a snapshot: its id is computed of the entity and its version, so that no
 * index knows it; the entity is looked up instead. Older versions the source need not have.
 * @param entity undefined where HQ does not have the snapshot.
 */
export async function readSnapshotState(
  client: pg.ClientBase,
  entity: SnapshotEntity | undefined,
): Promise<SourceState> {
  if (entity === undefined) {
    const why = 'the id of a snapshot is computed, and no index of the source has it'
    return { kind: 'not looked for', why }
  }
  const state = await readSourceState(client, entity.dataset, entity.key)
  if (state.kind !== 'found') return state
  return state.version === entity.version ? { kind: 'found', version: null } : { kind: 'absent' }
}
