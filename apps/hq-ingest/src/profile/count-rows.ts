import type { WireRow } from '@hq-export/contract'
import type { ProfilePlan } from './profile-plan.ts'
import { addTo, RowCounts } from './row-counts.ts'
import { compareTimestamps, inUtc } from './timestamps.ts'

/** Names of unknown columns that are counted. */
const MAX_UNKNOWN = 20
const MAX_NAME_CHARS = 64

/** A row that is in HQ. */
export interface CountedRow {
  readonly row: WireRow
  /** JSON text of the columns that the contract does not know. */
  readonly extra: string | null
}

/** Below zero: a minus, and not only zeros behind it. */
export function isNegative(text: string): boolean {
  return text.startsWith('-') && /[1-9]/.test(text)
}

/** Counts rows one by one. @param nowMs milliseconds since the epoch. */
export function countRows(
  plan: ProfilePlan,
  rows: readonly CountedRow[],
  nowMs: number,
): RowCounts {
  const counts = new RowCounts(plan, nowMs)
  const names = plan.dataset.columns.map(({ name }) => name)
  for (const { row, extra } of rows) {
    const text = (at: number): string | null => {
      const value = row[names[at] ?? '']
      return value === null || value === undefined ? null : String(value)
    }
    countRow(counts, text)
    if (extra !== null) countUnknown(counts, extra)
  }
  return counts
}

function countRow(counts: RowCounts, text: (at: number) => string | null): void {
  const { plan, futureAfter } = counts
  for (const { name, at } of plan.nullable) if (text(at) === null) addTo(counts.nulls, name, 1)
  for (const { name, at } of plan.texts) if (text(at) === '') addTo(counts.empty, name, 1)
  for (const { name, anyOf } of plan.critical) {
    const isMissing = anyOf.every((columns) => columns.some((at) => !text(at)))
    if (isMissing) addTo(counts.missing, name, 1)
  }
  for (const { name, at } of plan.times) {
    const asSent = text(at)
    if (asSent === null) continue
    const time = inUtc(asSent)
    if (compareTimestamps(time, futureAfter) > 0) addTo(counts.future, name, 1)
    if (at !== plan.timeColumn) continue
    if (counts.first === null || compareTimestamps(time, counts.first) < 0) counts.first = time
    if (counts.last === null || compareTimestamps(time, counts.last) > 0) counts.last = time
  }
  for (const { name, start, end } of plan.spans) {
    const [from, to] = [text(start), text(end)]
    if (from !== null && to !== null && compareTimestamps(inUtc(from), inUtc(to)) > 0) {
      addTo(counts.reversed, name, 1)
    }
  }
  for (const { name, at } of plan.nonNegative) {
    if (isNegative(text(at) ?? '')) addTo(counts.negative, name, 1)
  }
  for (const { name, at, isMeaningless } of plan.meaningless) {
    const value = text(at)
    if (value !== null && isMeaningless(value)) addTo(counts.meaningless, name, 1)
  }
  for (const [set, { at }] of plan.sets.entries()) {
    const value = text(at)
    if (value !== null) counts.countValue(set, counts.sets[set]?.numberOf(value) ?? 0)
  }
  if (plan.mix === undefined) return
  const { operation, provider, status } = plan.mix
  const name = text(provider)
  counts.countMixed(
    counts.operations.numberOf(text(operation) ?? ''),
    name === null ? 0 : counts.providers.numberOf(name),
    counts.statuses.numberOf(text(status) ?? ''),
  )
}

function countUnknown({ unknown }: RowCounts, extra: string): void {
  for (const name of Object.keys(JSON.parse(extra))) {
    const kept = name.slice(0, MAX_NAME_CHARS).toWellFormed().replaceAll('\0', '\ufffd')
    if (kept in unknown || Object.keys(unknown).length < MAX_UNKNOWN) addTo(unknown, kept, 1)
  }
}
