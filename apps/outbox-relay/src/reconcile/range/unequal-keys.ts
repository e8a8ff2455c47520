import { LIMITS } from '@hq-export/contract'
import { dirtyBuckets } from '../compare/digest-sums.ts'
import type { DatasetContext } from '../dataset/dataset-context.ts'
import { waitForFence } from '../source/fence.ts'
import { MAX_SNAPSHOT_SECONDS } from '../source/scan-session.ts'
import { keysOfBucketsStatement } from '../source/scan-sql.ts'
import { underSnapshot } from '../source/snapshot.ts'
import { readHqDigest } from './hq-digest.ts'
import { readingOf } from './range-reading.ts'
import { readKeySums } from './source-digest.ts'

async function unequalOf(context: DatasetContext, keys: readonly string[]): Promise<string[]> {
  const until = performance.now() + MAX_SNAPSHOT_SECONDS * 1000
  const everyOrg = { ...context, orgs: null }
  const { reading, ours } = await underSnapshot(context.scan, async (snapshot) => {
    const begun = readingOf(everyOrg, {}, snapshot, until)
    return { reading: begun, ours: await readKeySums(begun, keys) }
  })
  await waitForFence(context.side, context.epoch, reading.snapshot, context)
  const { sums, inFlightKeys } = await readHqDigest(reading, keys)
  const dirty = dirtyBuckets(ours, sums)
  if (dirty.length === 0) return [...inFlightKeys]
  const { text, values } = keysOfBucketsStatement(context.relation, context.spec, keys, dirty)
  const { rows } = await context.side.query<{ key: string }>(text, [...values])
  return [...inFlightKeys, ...rows.map(({ key }) => key)]
}

/**
 * Compares sums of rows that are named by their keys.
 * @param keys of a dataset whose rows both sides look up by their key.
 * @returns keys that may differ: of the others both sides have the same. One may be twice in it.
 * @throws {UndecidedError} where a side cannot be read, or the relay is behind.
 */
export async function unequalKeys(
  context: DatasetContext,
  keys: readonly string[],
): Promise<readonly string[]> {
  const unequal: string[] = []
  for (let at = 0; at < keys.length; at += LIMITS.maxDigestKeys)
    unequal.push(...(await unequalOf(context, keys.slice(at, at + LIMITS.maxDigestKeys))))
  return unequal
}
