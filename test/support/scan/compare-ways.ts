import type { Column, Dataset } from '@hq-export/contract'
import type { AcceptedRow } from '@hq-export/hq-ingest/apply/batch-row.ts'
import { decode } from '@hq-export/hq-ingest/decode/decode.ts'
import { countRows } from '@hq-export/hq-ingest/profile/count-rows.ts'
import { findProfilePlan } from '@hq-export/hq-ingest/profile/profile-plan.ts'
import { scanBatch } from '@hq-export/hq-ingest/row-scan/scan-batch.ts'
import { findDatasetRules } from '@hq-export/hq-ingest/validate/dataset-rules.ts'
import { validate } from '@hq-export/hq-ingest/validate/validate.ts'
import { expect } from 'vitest'
import { type HostileBody, hostileBodies, ORGS } from './hostile-bodies.ts'
import { instantOf, readArray, readCopy } from './read-binary.ts'

const SOURCE = 'data-engine-x'
const BATCH = 'b\\1'
/** Of the timestamps of hostile bodies some are before it, and some after. */
const NOW_MS = Date.UTC(2026, 1, 16)
const MAX_ROW_BYTES = 4 * 1024 * 1024

/** What was compared. */
export interface Compared {
  rows: number
  /** Rows of bodies that the scan took; the others are the careful way's. */
  scanned: number
  /** Bodies as a relay sends them, and those of them that the scan took. */
  plain: number
  plainScanned: number
}

function inKeyOrder(rows: readonly AcceptedRow[]): AcceptedRow[] {
  return rows.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index))
}

/** A value of the careful way, as it is read out of the scan's. */
function comparable(value: unknown, type: Column['type']): string | null {
  if (value === null || value === undefined) return null
  return type === 'timestamptz' ? instantOf(String(value)) : String(value)
}

/** Fails where the scan takes a body that the careful way does not take with the same fields. */
async function isScannedAlike(
  dataset: Dataset,
  body: Buffer,
  orgs: ReadonlySet<string> | undefined,
): Promise<boolean> {
  const scanned = await scanBatch(body, { orgs })
  if (scanned === undefined) return false
  const batch = decode(body, 5_000)
  const rules = findDatasetRules(batch.envelope.dataset, batch.envelope.schema_version)
  if (rules === undefined) throw new Error('the scan knows a dataset that nobody else knows')
  const { accepted, refused } = await validate(batch, rules, { orgs }, MAX_ROW_BYTES)
  expect(refused).toEqual([])
  const rows = inKeyOrder(accepted)
  const { rows: envelopeRows, ...head } = batch.envelope

  using prepared = scanned.rows
  expect(scanned.head).toEqual(head)
  expect(prepared.count).toBe(rows.length)
  expect(prepared.hasRepeatedKey).toBe(new Set(rows.map(({ key }) => key)).size < rows.length)
  expect(prepared.traceparents()).toEqual(
    envelopeRows.map((row) => row.traceparent).filter((origin) => origin !== undefined),
  )
  expect(prepared.capturedAt()).toEqual(
    [envelopeRows[0], envelopeRows.at(-1)].map((row) => row?.captured_at),
  )
  const plan = findProfilePlan(dataset.name)
  if (plan === undefined) throw new Error('every dataset has a profile')
  const byIndex = accepted.toSorted((a, b) => a.index - b.index)
  expect(prepared.countRows(NOW_MS).toStored()).toEqual(countRows(plan, byIndex, NOW_MS).toStored())
  expect(prepared.deleted).toBe(accepted.filter(({ deleted }) => deleted).length)
  const types = [...dataset.columns.map(({ type }) => type), 'xid8'] as const
  const values = rows.map(({ row, xid }) => [
    ...dataset.columns.map(({ name, type }) => comparable(row[name], type)),
    xid,
  ])
  if (dataset.versionColumn === undefined) {
    const copied = prepared.copyBytes([null, SOURCE, BATCH])
    expect(readCopy(copied, [...types, 'jsonb', 'text', 'text'])).toEqual(
      values.map((row) => [...row, null, SOURCE, BATCH]),
    )
  } else {
    const deleted = rows.map(({ deleted, capturedAt }) => (deleted ? instantOf(capturedAt) : null))
    const columns = [...types.map((_, i) => values.map((row) => row[i])), deleted, [null]]
    const arrays = prepared.columnArrays()
    expect(
      [...types, 'timestamptz', 'jsonb'].map((type, i) =>
        readArray(arrays[i] ?? Buffer.alloc(0), type as Column['type']),
      ),
    ).toEqual(columns.map((column) => (column.every((value) => value === null) ? [] : column)))
    for (const name of [...dataset.primaryKey, dataset.versionColumn]) {
      expect(prepared.sample(name, 2)).toEqual(
        rows.filter((_, i) => i % 2 === 0).map(({ row }) => row[name]),
      )
    }
  }
  return true
}

/** Sends bodies of at least `minRows` rows both ways, by keys of all orgs and of one. */
export async function compareWays(seed: number, minRows: number): Promise<Compared> {
  const next = hostileBodies(seed)
  const compared: Compared = { rows: 0, scanned: 0, plain: 0, plainScanned: 0 }
  while (compared.rows < minRows) {
    const { dataset, body, rows, isDamaged }: HostileBody = next()
    const isScanned = await isScannedAlike(dataset, body, undefined)
    await isScannedAlike(dataset, body, new Set(ORGS.slice(0, 1)))
    await isScannedAlike(dataset, body, new Set(ORGS))
    compared.rows += rows
    if (isScanned) compared.scanned += rows
    if (isDamaged) continue
    compared.plain++
    if (isScanned) compared.plainScanned++
  }
  return compared
}
