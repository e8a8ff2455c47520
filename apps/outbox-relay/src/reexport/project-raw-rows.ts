import { datasetByName, datasetByNumber } from '@hq-export/contract'
import { isRowFault, isStatementFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { readsOtherRows } from '../binding/projection/joins.ts'
import { readBinding } from '../binding/read-binding.ts'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'
import { findRefused } from './find-refused.ts'
import { ring } from './insert-export-row.ts'
import { insertKeys } from './insert-keys.ts'
import { insertRawRow, insertRawRows, keysOfRawRows } from './insert-raw-row.ts'
import { type RawSource, rawSource } from './raw-source.ts'
import { insertRawVersion, readRawVersion } from './raw-version.ts'
import { revive } from './revive.ts'

/** Raw rows of one dataset that can be projected by one statement. */
interface RawGroup {
  readonly binding: Binding
  readonly bound: BoundDataset
  readonly deleted: boolean
  readonly traceparent: string | null
  readonly rows: OutboxRow[]
}

// The row's own trace context, for the rows that its projection inserts.
const SET_TRACEPARENT = /* sql */ `select pg_catalog.set_config('hq_export.traceparent', $1, true)`
// A writer that holds the key for longer is not waited for: the window would wait with us.
const BOUND_WAIT = /* sql */ `set local lock_timeout = '1s'`

/**
 * Whom to blame for an error of a projection; a writer that holds the key is none of the rows'
 * business, and not waited for.
 */
function faultOf(error: unknown): 'row' | 'statement' | 'writer' | 'nobody' {
  if (isRowFault(error)) return isStatementFault(error) ? 'statement' : 'row'
  const isLocked = hasSqlstate(error, LOCK_NOT_AVAILABLE)
  return isLocked ? 'writer' : 'nobody'
}

/**
 * True where the rows are made of what the raw rows hold; else they are read from the source, by
 * their keys.
 */
function isOfRawRows({ bound, deleted }: RawGroup): boolean {
  return deleted || (bound.version === undefined && !readsOtherRows(bound))
}

/** True where the raw rows have every column that their projection reads. */
function isWhole(group: RawGroup, source: RawSource): boolean {
  const { bound } = group
  const isRead = isOfRawRows(group)
  return isRead
    ? source.missing.length === 0
    : bound.key.every((column) => !source.missing.includes(column))
}

/**
 * Sends the rows of raw ones as the source has them now. @returns how many it has; of entities,
 * their snapshots included.
 */
async function sendCurrent(
  client: pg.ClientBase,
  { binding, bound, traceparent }: RawGroup,
  source: RawSource,
  raw: string,
): Promise<number> {
  const keys = await keysOfRawRows(client, bound, source, raw)
  const sent = keys.map((key) => ({ key, traceparent }))
  return insertKeys(client, binding, datasetByName(bound.dataset), sent)
}

async function sendDeleted(
  client: pg.ClientBase,
  group: RawGroup,
  source: RawSource,
  raw: string,
): Promise<void> {
  const { bound } = group
  await insertRawRow(client, bound, source, { raw, deleted: true })
  if ((await sendCurrent(client, group, source, raw)) === 0) return
  // It was inserted again since, below the delete that has only now got its version, and went once
  // more, above it.
  const [key = ''] = await keysOfRawRows(client, bound, source, raw)
  await revive(client, datasetByName(bound.dataset), key)
}

/** One transaction; false where the rows cannot be projected by what they hold. */
async function projectTogether(
  client: pg.ClientBase,
  group: RawGroup,
  rows: readonly OutboxRow[],
): Promise<boolean> {
  const { bound, deleted, traceparent } = group
  const raw = `[${rows.map(({ body }) => body).join(',')}]`
  return transact(
    client,
    async () => {
      await client.query(BOUND_WAIT)
      await client.query(SET_TRACEPARENT, [traceparent ?? ''])
      const source = await rawSource(client, bound, raw)
      let isProjected = isWhole(group, source)
      if (isProjected) {
        if (deleted) await sendDeleted(client, group, source, raw)
        else if (isOfRawRows(group)) await insertRawRows(client, bound, source, raw)
        else {
          const found = await sendCurrent(client, group, source, raw)
          // An entity that is gone has a delete of its own; an append-only row that the source has
          // not has nothing else.
          isProjected = bound.version !== undefined || found === rows.length
        }
        await ring(client)
      }
      return isProjected
    },
    { isKept: (isProjected) => isProjected },
  )
}

/**
 * One transaction; false where a version of the past cannot be projected by what was kept of it.
 */
async function projectVersion(
  client: pg.ClientBase,
  binding: Binding | undefined,
  { body, traceparent }: OutboxRow,
): Promise<boolean> {
  if (body === null) return false
  try {
    return await transact(
      client,
      async () => {
        await client.query(SET_TRACEPARENT, [traceparent ?? ''])
        const version = await readRawVersion(client, binding, body)
        const isReadable = typeof version !== 'string'
        if (isReadable) {
          await insertRawVersion(client, version)
          await ring(client)
        }
        return isReadable
      },
      { isKept: (isReadable) => isReadable },
    )
  } catch (error) {
    if (faultOf(error) === 'nobody') throw error
    return false
  }
}

/** Rows of the group that cannot be projected. */
async function projectGroup(client: pg.ClientBase, group: RawGroup): Promise<readonly OutboxRow[]> {
  return findRefused(group.rows, async (rows) => {
    // Deletes lock the base of their key: one at a time, so that no writer can deadlock with us.
    if (group.deleted && rows.length > 1) return 'row'
    try {
      return (await projectTogether(client, group, rows)) ? 'done' : 'row'
    } catch (error) {
      const fault = faultOf(error)
      if (fault === 'nobody') throw error
      return fault === 'writer' ? 'none' : fault
    }
  })
}

/**
 * Projects the raw rows of failed captures, each by itself as it were: one value that cannot be
 * projected costs its own row, and not the statement that wrote it. What succeeds stands in the
 * outbox again and takes the way of every row: entities as the source has them now (one that is
 * gone has a delete of its own), append-only rows and deletes from the raw row, or, where other
 * rows belong to them, from the source.
 *
 * Transactions of its own, on a session that nothing else uses meanwhile. Repeating it is harmless
 * (I3).
 * @returns the rows that cannot be projected, gaps without a body among them.
 * @throws what says nothing of a row, as a lost connection does; the window is then read again.
 */
export async function projectRawRows(
  client: pg.ClientBase,
  rows: readonly OutboxRow[],
): Promise<OutboxRow[]> {
  const binding = await readBinding(client)
  const groups = new Map<string, RawGroup>()
  const unprojected: OutboxRow[] = []
  for (const row of rows) {
    const { dataset, deleted, traceparent, body } = row
    const { name } = datasetByNumber(dataset)
    if (name === SNAPSHOTS_DATASET) {
      if (!(await projectVersion(client, binding, row))) unprojected.push(row)
      continue
    }
    const bound = binding?.datasets.find((candidate) => candidate.dataset === name)
    // A row that settles is not complete yet; once it is, a replay of its dead letter finds it.
    const isReady = bound !== undefined && bound.settle === undefined
    if (binding === undefined || !isReady || body === null) {
      unprojected.push(row)
      continue
    }
    const key = `${name} ${deleted} ${traceparent}`
    const group = groups.get(key) ?? { binding, bound, deleted, traceparent, rows: [] }
    group.rows.push(row)
    groups.set(key, group)
  }
  for (const group of groups.values()) unprojected.push(...(await projectGroup(client, group)))
  return unprojected
}
