import type { Dataset } from '@hq-export/contract'
import type { AcceptedRow } from '@hq-export/hq-ingest/apply/batch-row.ts'
import { columnArrays } from '@hq-export/hq-ingest/apply/column-arrays.ts'
import { copyText, lineEnd } from '@hq-export/hq-ingest/apply/copy-rows.ts'
import { decode } from '@hq-export/hq-ingest/decode/decode.ts'
import { countRows } from '@hq-export/hq-ingest/profile/count-rows.ts'
import { findProfilePlan } from '@hq-export/hq-ingest/profile/profile-plan.ts'
import { scanBatch } from '@hq-export/hq-ingest/row-scan/scan-batch.ts'
import { findDatasetRules } from '@hq-export/hq-ingest/validate/dataset-rules.ts'
import { validate } from '@hq-export/hq-ingest/validate/validate.ts'
import { expect } from 'vitest'
import { type HostileBody, hostileBodies, ORGS } from './hostile-bodies.ts'

const ORIGIN = { source: 'data-engine-x', batch: 'b\\1', epoch: undefined }
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
  if (dataset.versionColumn === undefined) {
    const tail = Buffer.from(lineEnd(null, ORIGIN))
    expect(prepared.copyText(tail).toString()).toBe(copyText(dataset, rows, ORIGIN).toString())
  } else {
    expect(prepared.columnArrays()).toEqual(columnArrays(dataset, rows))
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
