import type { Dataset } from '@hq-export/contract'
import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'
import { type Applied, addApplied, nothingApplied, type Origin, unchanged } from './applied.ts'
import { type AcceptedRow, refuse } from './batch-row.ts'
import { compareRows, describeDifference } from './compare-rows.ts'
import { isolate } from './isolate.ts'
import type { PreparedRows } from './prepared-rows.ts'
import { type Upserted, upsertArrays, upsertRows, type VersionedDataset } from './upsert-rows.ts'

function versionOf(dataset: VersionedDataset, { row }: AcceptedRow): string {
  return String(row[dataset.versionColumn])
}

/** Canonical int8 texts compared as numbers. */
function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  return BigInt(a) < BigInt(b) ? -1 : 1
}

/** Rows come in the order of their keys. */
function hasRepeatedKey(rows: readonly AcceptedRow[]): boolean {
  return rows.some(({ key }, position) => key === rows[position + 1]?.key)
}

/** Rows by key, the one to apply last: highest version, of equal ones the later in the batch. */
function groupByKey(
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
): Map<string, AcceptedRow[]> {
  const groups = new Map<string, AcceptedRow[]>()
  for (const row of rows) {
    const group = groups.get(row.key)
    if (group === undefined) groups.set(row.key, [row])
    else group.push(row)
  }
  for (const group of groups.values()) {
    if (group.length === 1) continue
    group.sort(
      (a, b) => compareVersions(versionOf(dataset, a), versionOf(dataset, b)) || a.index - b.index,
    )
  }
  return groups
}

function isRepetition(dataset: Dataset, row: AcceptedRow, winner: AcceptedRow): boolean {
  return (
    row.deleted === winner.deleted &&
    row.extra === winner.extra &&
    dataset.columns.every(({ name }) => row.row[name] === winner.row[name])
  )
}

/** Applies rows with distinct keys. */
async function applyDistinct(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  if (rows.length === 0) return nothingApplied()
  const upserted = await upsertRows(client, dataset, rows, origin)
  return settleUnwritten(client, dataset, async () => rows, upserted, origin)
}

/**
 * Says what became of rows with distinct keys. What was not written is compared in a second
 * statement, which sees who was faster.
 */
async function settleUnwritten(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  readRows: () => Promise<readonly AcceptedRow[]>,
  { inserted, written, writtenKeys }: Upserted,
  origin: Origin,
): Promise<Applied> {
  const applied = { ...nothingApplied(), inserted, updated: written - inserted }
  if (writtenKeys === null) return applied

  const settled = new Set(writtenKeys)
  const left = (await readRows()).filter(({ key }) => !settled.has(key))
  const comparisons = await compareRows(client, dataset, left)
  const again: AcceptedRow[] = []
  for (const [position, row] of left.entries()) {
    const comparison = comparisons[position]
    switch (comparison?.relation) {
      case 'older':
        applied.unchanged.push(unchanged(row, 'stale'))
        break
      case 'equal':
        applied.unchanged.push(unchanged(row, 'duplicate'))
        break
      case 'different': {
        const detail = describeDifference(dataset.versionColumn, comparison)
        applied.refused.push(refuse(row, 'version_conflict', detail))
        break
      }
      case 'absent':
      case 'newer':
        // Nothing of the gateway takes a version back; an operator who does it meanwhile gets the
        // row offered again.
        again.push(row)
        break
      default:
        comparison satisfies undefined
        throw new Error(`${dataset.name}: no comparison for row ${row.index}`)
    }
  }
  addApplied(applied, await applyDistinct(client, dataset, again, origin))
  return applied
}

/**
 * Settles what is left of a key after its best row was applied or refused.
 * @returns the rows that still have to be offered, best last.
 */
function settleRest(
  dataset: VersionedDataset,
  rest: readonly AcceptedRow[],
  winner: AcceptedRow,
  applied: Applied,
): AcceptedRow[] {
  return rest.filter((row) => {
    const older = versionOf(dataset, row) !== versionOf(dataset, winner)
    if (!older && !isRepetition(dataset, row, winner)) return true
    applied.unchanged.push(unchanged(row, 'superseded'))
    return false
  })
}

/**
 * Writes rows of a snapshot dataset, in key order, under the contract's version rule. A key may
 * come more than once in a batch: its highest version is applied, older ones and repetitions are
 * superseded, and other content of the same version is offered afterwards, so that HQ itself says
 * whether it conflicts.
 */
export async function applyUpsert(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  if (!hasRepeatedKey(rows)) {
    return isolate(client, rows, (part) => applyDistinct(client, dataset, part, origin))
  }
  const total = nothingApplied()
  let groups = groupByKey(dataset, rows)
  while (groups.size > 0) {
    const winners = Array.from(groups.values(), (group) => group.at(-1)).filter(
      (row) => row !== undefined,
    )
    const applied = await isolate(client, winners, (part) =>
      applyDistinct(client, dataset, part, origin),
    )
    const refused = new Set(applied.refused.map(({ index }) => index))
    const next = new Map<string, AcceptedRow[]>()
    for (const winner of winners) {
      const rest = groups.get(winner.key)?.slice(0, -1) ?? []
      // A row that HQ has not taken supersedes nothing.
      const left = refused.has(winner.index) ? rest : settleRest(dataset, rest, winner, applied)
      if (left.length > 0) next.set(winner.key, left)
    }
    addApplied(total, applied)
    groups = next
  }
  return total
}

/**
 * {@link applyUpsert} of prepared rows.
 * @param readRows the same rows, in the order of their keys, where they are needed one by one.
 */
export async function upsertPrepared(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  prepared: PreparedRows,
  readRows: () => Promise<readonly AcceptedRow[]>,
  origin: Origin,
): Promise<Applied> {
  if (!prepared.hasRepeatedKey) {
    try {
      return await underSavepoint(client, async () => {
        const upserted = await upsertArrays(client, dataset, prepared, origin)
        return settleUnwritten(client, dataset, readRows, upserted, origin)
      })
    } catch (error) {
      if (!isRowFault(error)) throw error
    }
  }
  return applyUpsert(client, dataset, await readRows(), origin)
}
