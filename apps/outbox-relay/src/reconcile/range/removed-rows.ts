import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import { truncatedKeys } from '../keys/read-keys.ts'
import {
  type RemovalNote,
  readRemovals,
  readTruncation,
  rememberRemovals,
  removalNotesStatement,
} from '../source/removals.ts'
import { keepsRemoved, type RangeReading } from './range-reading.ts'

/*
 * Rows that HQ rightly keeps of what the source has deleted: any number at once, so that they are
 * told apart here, and not by reading each of them again. The snapshot that shows no row shows the
 * note of its removal, too.
 */

/**
 * What was kept of removed rows in some buckets, and is not so any more: the source has the row
 * again, or HQ has it no more.
 */
export async function readOutdated(
  { context, scope, countsRemovals }: RangeReading,
  buckets: readonly number[],
  ours: readonly ComparedSourceRow[],
  theirs: readonly ComparedHqRow[],
): Promise<RemovalNote[]> {
  if (!countsRemovals) return []
  const { scan, dataset, spec } = context
  const { text, values } = removalNotesStatement(dataset, spec, scope, buckets)
  const { rows } = await scan.query<{ key: string }>(text, [...values])
  const shown = new Set(ours.map(({ key }) => key))
  const kept = new Set(theirs.map(({ key }) => key))
  return rows.flatMap(({ key }) => (shown.has(key) || !kept.has(key) ? { key, hash: null } : []))
}

/**
 * Of rows that only HQ has, those that are no suspects: the source noted that it deleted them, and
 * they are as they were when that explained them; or a TRUNCATE did. What is explained for the first
 * time is kept with its note, for comparisons to come.
 * @throws {UndecidedError} where HQ does not answer.
 */
export async function explainRemoved(
  { context }: RangeReading,
  rows: readonly ComparedHqRow[],
): Promise<ReadonlySet<string>> {
  if (rows.length === 0 || !keepsRemoved(context)) return new Set()
  const { scan, side, dataset, spec } = context
  const keys = rows.map(({ key }) => key)
  const notes = await readRemovals(scan, dataset, spec, keys)
  const explained = rows.filter(({ key, hash }) => {
    const note = notes.get(key)
    return note !== undefined && (note.hash === null || note.hash === hash)
  })
  const found = explained.flatMap(({ key, hash }) =>
    notes.get(key)?.hash === null ? { key, hash } : [],
  )
  await rememberRemovals(side, dataset, spec, found)
  const known = new Set(explained.map(({ key }) => key))
  const xid = await readTruncation(scan, dataset)
  if (xid === undefined) return known
  const left = keys.filter((key) => !notes.has(key))
  return known.union(await truncatedKeys(context, xid, left))
}
