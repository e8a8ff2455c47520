import { type DigestScope, LIMITS } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type { ComparedHqRow, ComparedSourceRow } from './compare/compared-row.ts'
import {
  type BucketSum,
  combine,
  type DigestSums,
  dirtyBuckets,
  NO_SUMS,
  readDigest,
} from './compare/digest-sums.ts'
import { mergeRows, type SuspectPair } from './compare/merge-rows.ts'
import { STOPPED, TooLongError, UndecidedError } from './compare/undecided-error.ts'
import { type DatasetContext, requestOf, scopeOf } from './dataset-context.ts'
import { isWhole } from './plan-ranges.ts'
import { hqRowOf, sourceRowOf, truncatedKeys } from './read-keys.ts'
import { waitForFence } from './source/fence.ts'
import type { KeyRange } from './source/range-record.ts'
import {
  type RemovalNote,
  readTruncation,
  removalDigestStatement,
  removalNotesStatement,
} from './source/removals.ts'
import { MAX_SNAPSHOT_SECONDS, planLookUps, planScans } from './source/scan-session.ts'
import {
  type BucketRow,
  digestStatement,
  leafStatement,
  othersStatement,
  type SourceRow,
  type SourceScope,
  statusesOf,
} from './source/scan-sql.ts'
import { underSnapshot } from './source/snapshot.ts'
import { type Suspect, witnessOf } from './suspect.ts'

/** Rows of a side that are read at once where buckets are dirty. */
const LEAF_ROWS = 100_000
/** Rows of HQ that are kept at once, those included that are deleted or in flight. */
const MAX_LEAF_ROWS = 1_000_000
/** Where this many keys are suspect nobody needs the rest to know what to do. */
export const MAX_SUSPECTS = 100_000

/** What the comparison of a range came to, before its suspects are read again. */
export interface ComparedRange {
  /** What is compared of the source's rows: without those in flight. */
  readonly source: DigestSums
  readonly hq: DigestSums
  /** Rows of the source in the range, those included that are not compared. */
  readonly rows: number
  /** Of these, rows of orgs that the signing key may not read. */
  readonly others: number
  readonly suspects: readonly Suspect[]
  /** Not all suspects are there. */
  readonly isCut: boolean
  /** What was kept of rows that the source has deleted, and is not so any more. */
  readonly outdated: readonly RemovalNote[]
  readonly dirtyBuckets: number
  readonly sourceSnapshot: string
  /** Undefined where HQ does not say. */
  readonly hqSnapshot: string | undefined
  readonly sourceSeconds: number
  readonly fenceSeconds: number
}

class Stopwatch {
  seconds = 0

  async time<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await work()
    } finally {
      this.seconds += (performance.now() - began) / 1000
    }
  }
}

/** One comparison under one snapshot. */
class RangeComparison {
  readonly #context: DatasetContext
  readonly #scope: DigestScope
  readonly #sourceScope: SourceScope
  readonly #until = performance.now() + MAX_SNAPSHOT_SECONDS * 1000
  readonly #hasRemovals: boolean
  readonly #outdated: RemovalNote[] = []
  readonly source = new Stopwatch()
  readonly fence = new Stopwatch()

  constructor(context: DatasetContext, scope: DigestScope) {
    this.#context = context
    this.#scope = scope
    const { org_id: _, ...rest } = scope
    this.#sourceScope = { ...rest, orgs: context.orgs }
    // A note knows the key of its row, and neither its time nor its org.
    this.#hasRemovals =
      context.dataset.semantics === 'append' &&
      context.entities.size === 0 &&
      context.orgs === null &&
      isWhole(scope)
  }

  async compare(snapshot: string): Promise<Omit<ComparedRange, 'sourceSeconds' | 'fenceSeconds'>> {
    const { side, epoch, isLimited } = this.#context
    const shown = await inStep('scan', () => this.source.time(() => this.#digest()))
    const all = this.#hasRemovals
      ? combine(shown, await this.source.time(() => this.#removals()), 1)
      : shown
    const others = isLimited ? await this.source.time(() => this.#others()) : 0
    await inStep('fence', () =>
      this.fence.time(() => waitForFence(side, epoch, snapshot, this.#context)),
    )
    this.#assertInTime()
    const theirs = await inStep('ask HQ', () => this.#askHq(snapshot))
    const inFlight = theirs.inFlightKeys ?? []
    const source =
      inFlight.length === 0
        ? all
        : combine(all, await this.source.time(() => this.#takeOut(inFlight)), -1)
    const dirty = dirtyBuckets(source, theirs.sums)
    const suspects: Suspect[] = [
      ...inFlight.map((lookUp) => this.#inFlight(lookUp)),
      ...theirs.strays.map((row) => (row.inFlight ? this.#inFlightRow(row) : this.#onlyInHq(row))),
    ]
    const isCut = await inStep('read rows', () =>
      this.#readLeaves(snapshot, source, theirs.sums, dirty, suspects),
    )
    const settled = theirs.strays.filter(({ inFlight: isInFlight }) => !isInFlight)
    const distinct = new Map(
      suspects.map((suspect) => [`${suspect.key} ${suspect.lookUp}`, suspect]),
    )
    return {
      source,
      hq: theirs.sums,
      rows: all.rows + others,
      outdated: this.#outdated,
      others,
      suspects: [...distinct.values()],
      isCut: isCut || settled.length >= LIMITS.maxDigestKeys,
      dirtyBuckets: dirty.length,
      sourceSnapshot: snapshot,
      hqSnapshot: theirs.snapshot,
    }
  }

  #assertInTime(): void {
    if (this.#context.stopping.aborted) throw new UndecidedError(STOPPED)
    if (performance.now() > this.#until)
      throw new TooLongError('a range cannot be compared in time')
  }

  async #digest(keys?: readonly string[]): Promise<DigestSums> {
    const { scan, relation, spec, dataset } = this.#context
    const { text, values } = digestStatement(relation, spec, this.#sourceScope, keys)
    const { rows } = await scan.query<BucketRow>(text, [...values])
    const total = (counts: (row: BucketRow) => readonly number[], at: number): number =>
      rows.reduce((sum, row) => sum + (counts(row)[at] ?? 0), 0)
    const named = (
      names: readonly string[],
      counts: (row: BucketRow) => readonly number[],
    ): Record<string, number> =>
      Object.fromEntries(names.map((name, at): [string, number] => [name, total(counts, at)]))
    return {
      rows: rows.reduce((sum, row) => sum + row.rows, 0),
      buckets: new Map(
        rows.map(({ bucket, rows: count, sum }) => [
          bucket,
          { rows: count, sum: BigInt.asUintN(64, BigInt(sum)) },
        ]),
      ),
      nulls: named(
        dataset.criticalFields.map(({ name }) => name),
        ({ nulls }) => nulls,
      ),
      statuses: named(statusesOf(dataset), ({ statuses }) => statuses),
    }
  }

  /** Rows that the source has deleted, as HQ had them when they were explained last. */
  async #removals(): Promise<DigestSums> {
    const { scan, dataset, spec } = this.#context
    const { text, values } = removalDigestStatement(dataset, spec, this.#scope)
    const { rows } = await scan.query<Pick<BucketRow, 'bucket' | 'rows' | 'sum'>>(text, [...values])
    const buckets = rows.map(({ bucket, rows: count, sum }): [number, BucketSum] => [
      bucket,
      { rows: count, sum: BigInt.asUintN(64, BigInt(sum)) },
    ])
    const total = rows.reduce((sum, row) => sum + row.rows, 0)
    return { ...NO_SUMS, rows: total, buckets: new Map(buckets) }
  }

  /**
   * Keys of HQ's rows that are as they were when notes explained them. Notes of rows that the source
   * has again, or HQ has no more, are outdated.
   */
  async #borneOut(
    buckets: readonly number[],
    ours: readonly ComparedSourceRow[],
    theirs: readonly ComparedHqRow[],
  ): Promise<ReadonlySet<string>> {
    const { scan, dataset, spec } = this.#context
    const { text, values } = removalNotesStatement(dataset, spec, this.#scope, buckets)
    const { rows } = await scan.query<{ key: string; hash: string }>(text, [...values])
    const shown = new Set(ours.map(({ key }) => key))
    const hashes = new Map(theirs.map(({ key, hash }) => [key, hash]))
    for (const { key } of rows)
      if (shown.has(key) || !hashes.has(key)) this.#outdated.push({ key, hash: null })
    return new Set(rows.filter(({ key, hash }) => hashes.get(key) === hash).map(({ key }) => key))
  }

  async #takeOut(keys: readonly string[]): Promise<DigestSums> {
    const { scan } = this.#context
    await planLookUps(scan)
    const sums = await this.#digest(keys)
    await planScans(scan)
    return sums
  }

  async #others(): Promise<number> {
    const { scan, relation, spec } = this.#context
    const { text, values } = othersStatement(relation, spec, this.#sourceScope)
    const { rows } = await scan.query<{ rows: number }>(text, [...values])
    return rows[0]?.rows ?? 0
  }

  async #askHq(snapshot: string) {
    const { hq } = this.#context
    const request = { ...requestOf(this.#context, snapshot), scope: this.#scope }
    const { result } = await hq.digest(request)
    if (result === undefined) throw new UndecidedError('HQ answers without a digest')
    const sums = readDigest(result.digest)
    if (typeof sums === 'string') throw new UndecidedError(`the digest of HQ ${sums}`)
    const inFlightKeys = result.in_flight_keys
    // Taken out twice, a row would be missing.
    if (inFlightKeys !== null && new Set(inFlightKeys).size !== inFlightKeys.length)
      throw new UndecidedError('HQ names a key in flight twice')
    const { snapshot: theirs, strays } = result
    return { sums, inFlightKeys, strays: strays.map(hqRowOf), snapshot: theirs }
  }

  /** Rows of dirty buckets of both sides, some buckets at a time. @returns true if not all. */
  async #readLeaves(
    snapshot: string,
    source: DigestSums,
    hq: DigestSums,
    dirty: readonly number[],
    suspects: Suspect[],
  ): Promise<boolean> {
    const size = (bucket: number): number =>
      Math.max(source.buckets.get(bucket)?.rows ?? 0, hq.buckets.get(bucket)?.rows ?? 0)
    for (let at = 0; at < dirty.length; ) {
      if (suspects.length > MAX_SUSPECTS) return true
      this.#assertInTime()
      const group: number[] = []
      for (let rows = 0; at < dirty.length && (group.length === 0 || rows < LEAF_ROWS); at++) {
        const bucket = dirty[at] ?? 0
        group.push(bucket)
        rows += size(bucket)
      }
      const [ours, all] = [await this.#sourceLeaf(group), await this.#hqLeaf(snapshot, group, hq)]
      const removed = this.#hasRemovals ? await this.#borneOut(group, ours, all) : new Set()
      const shown = new Set(ours.map(({ key }) => key))
      const theirs = all.filter(({ key }) => shown.has(key) || !removed.has(key))
      const merged = mergeRows(ours, theirs)
      const truncated = await this.#truncated(merged.suspects)
      for (const row of merged.inFlight) suspects.push(this.#inFlightRow(row))
      for (const pair of merged.suspects)
        if (pair.source !== undefined || !truncated.has(pair.hq.key))
          suspects.push(
            pair.source === undefined ? this.#onlyInHq(pair.hq) : this.#inSource(pair.source),
          )
    }
    return false
  }

  /**
   * Keys that only HQ has because a TRUNCATE that the snapshot shows removed their rows: any number,
   * so that they are told apart here, and not by reading each of them again.
   */
  async #truncated(
    suspects: readonly SuspectPair<ComparedSourceRow>[],
  ): Promise<ReadonlySet<string>> {
    const { scan, dataset } = this.#context
    const keys = suspects.flatMap(({ source, hq }) => (source === undefined ? hq.key : []))
    if (keys.length === 0 || dataset.semantics !== 'append' || this.#isSnapshots) return new Set()
    const xid = await readTruncation(scan, dataset)
    return xid === undefined ? new Set() : truncatedKeys(this.#context, xid, keys)
  }

  #sourceLeaf(buckets: readonly number[]): Promise<ComparedSourceRow[]> {
    const { scan, relation, spec } = this.#context
    return this.source.time(async () => {
      const { text, values } = leafStatement(relation, spec, this.#sourceScope, buckets)
      return (await scan.query<SourceRow>(text, [...values])).rows.map(sourceRowOf)
    })
  }

  /**
   * @param digest what HQ has just counted. More may be there by now, but not any number: of pages
   * that never end not all is kept.
   */
  async #hqLeaf(
    snapshot: string,
    buckets: readonly number[],
    digest: DigestSums,
  ): Promise<ComparedHqRow[]> {
    const rows = new Map<string, ComparedHqRow>()
    const counted = buckets.reduce((sum, one) => sum + (digest.buckets.get(one)?.rows ?? 0), 0)
    let settled = 0
    for (let after: string | undefined; ; ) {
      this.#assertInTime()
      const page = await this.#context.hq.rows({
        ...requestOf(this.#context, snapshot),
        scope: this.#scope,
        buckets: [...buckets],
        ...(after === undefined ? {} : { after }),
      })
      for (const row of page.rows) {
        if (rows.has(row.key)) throw new UndecidedError('HQ names a row twice')
        rows.set(row.key, hqRowOf(row))
        if (!row.in_flight && !row.deleted) settled++
      }
      if (settled > counted + LEAF_ROWS || rows.size > MAX_LEAF_ROWS)
        throw new UndecidedError('HQ has more rows in a bucket than it counts, or than can be read')
      if (page.next === null) return [...rows.values()]
      if (page.next !== page.rows.at(-1)?.key)
        throw new UndecidedError('HQ does not go on where a page ended')
      after = page.next
    }
  }

  get #isSnapshots(): boolean {
    return this.#context.entities.size > 0
  }

  /** A key that HQ has got since the snapshot; of snapshots their entity. */
  #inFlight(lookUp: string): Suspect {
    return { key: this.#isSnapshots ? undefined : lookUp, lookUp }
  }

  #inFlightRow(row: ComparedHqRow): Suspect {
    return { ...this.#onlyInHq(row), witness: undefined }
  }

  #inSource(row: ComparedSourceRow): Suspect {
    const key = this.#isSnapshots ? undefined : row.key
    return { key, lookUp: row.lookUp, witness: witnessOf(row) }
  }

  #onlyInHq({ key, entity }: ComparedHqRow): Suspect {
    const lookUp = entity?.lookUp ?? key
    return { key, lookUp, version: entity?.version, witness: witnessOf(undefined) }
  }
}

/**
 * Compares one range under one snapshot of the source: sums of both sides first, then the rows of
 * the buckets in which they differ.
 * @throws {TooLongError} where that takes too long, for one of its halves it may not.
 * @throws {UndecidedError} where a side cannot be read, or the relay is behind.
 */
export async function compareRange(
  context: DatasetContext,
  scope: DigestScope,
  range: KeyRange,
): Promise<ComparedRange> {
  const comparison = new RangeComparison(context, scopeOf(scope, range))
  const compared = await underSnapshot(context.scan, (snapshot) => comparison.compare(snapshot))
  return {
    ...compared,
    sourceSeconds: comparison.source.seconds,
    fenceSeconds: comparison.fence.seconds,
  }
}
