import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import { type AcceptedRow, refuse } from '../batch/batch-row.ts'
import { type Applied, addApplied, nothingApplied, type Origin, unchanged } from './applied.ts'
import { isolate } from './isolate.ts'
import { upsertRows } from './upsert-rows.ts'

type VersionedDataset = Dataset & { readonly versionColumn: string }

function versionOf(dataset: VersionedDataset, { row }: AcceptedRow): string {
  return String(row[dataset.versionColumn])
}

/** Canonical int8 texts compared as numbers. */
function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  return BigInt(a) < BigInt(b) ? -1 : 1
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
    dataset.columns.every(({ name }) => row.row[name] === winner.row[name])
  )
}

/** Applies rows with distinct keys; what lost a race after the look is asked about once more, under our lock. */
async function applyDistinct(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  const { inserted, updated, older, writtenKeys } = await upsertRows(client, dataset, rows, origin)
  const applied = { ...nothingApplied(), inserted, updated }
  for (const [position, fate] of older) {
    const row = rows[position]
    if (row === undefined) throw new Error(`the upsert named row ${position} of ${rows.length}`)
    if (fate === 'conflict') {
      const detail = `${dataset.versionColumn} is stored with other content`
      applied.refused.push(refuse(row, 'version_conflict', detail))
    } else {
      applied.unchanged.push(unchanged(row, fate))
    }
  }
  if (writtenKeys !== null) {
    const settled = new Set(writtenKeys)
    for (const [position] of older) settled.add(rows[position]?.key ?? '')
    const raced = rows.filter(({ key }) => !settled.has(key))
    addApplied(applied, await applyDistinct(client, dataset, raced, origin))
  }
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
 * Writes rows of a snapshot dataset under the contract's version rule. A key may come more than once in a batch: its
 * highest version is applied, older ones and repetitions are superseded, and other content of the same version is
 * offered afterwards, so that HQ itself says whether it conflicts.
 */
export async function applyUpsert(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  const total = nothingApplied()
  let groups = groupByKey(dataset, rows)
  while (groups.size > 0) {
    const winners = Array.from(groups.values(), (group) => group.at(-1)).filter(
      (row) => row !== undefined,
    )
    const applied = await isolate(client, winners, (part) =>
      applyDistinct(client, dataset, part, origin),
    )
    const rejected = new Set(
      applied.refused.filter(({ code }) => code === 'database_rejected').map(({ index }) => index),
    )
    const next = new Map<string, AcceptedRow[]>()
    for (const winner of winners) {
      const rest = groups.get(winner.key)?.slice(0, -1) ?? []
      // A row that HQ could not store supersedes nothing.
      const left = rejected.has(winner.index) ? rest : settleRest(dataset, rest, winner, applied)
      if (left.length > 0) next.set(winner.key, left)
    }
    addApplied(total, applied)
    groups = next
  }
  return total
}
