import {
  type DatasetReconciliation,
  FINDING_CLASSES,
  type FindingClass,
  REPAIR_STATES,
  type RepairState,
} from '@hq-export/contract'
import { combine, type DigestSums, NO_SUMS, pairCounts } from './compare/digest-sums.ts'
import { type ReadUnder, readUnder } from './compare/read-under.ts'
import { noCounts } from './empty-dataset.ts'
import type { Rechecked } from './keys/recheck.ts'
import type { ProvenDifference } from './keys/suspect.ts'
import type { ComparedRange } from './range/compare-range.ts'

function isKnown({ finding }: ProvenDifference): boolean {
  return finding.class === 'refused'
}

function withoutBuckets(sums: DigestSums): DigestSums {
  return { ...sums, buckets: NO_SUMS.buckets }
}

/** What one dataset has come to so far. */
export class DatasetTally {
  #source: DigestSums = NO_SUMS
  #hq: DigestSums = NO_SUMS
  #others = 0
  #unsettled = 0
  /** Of some range not all suspects were read. */
  #isCut = false
  #differences: readonly ProvenDifference[] = []
  /** Rows of the source in the ranges that were compared. */
  rows = 0
  ranges = 0
  dirtyBuckets = 0
  rechecked = 0
  sourceSnapshots: ReadUnder | null = null
  hqSnapshots: ReadUnder | null = null
  sourceSeconds = 0
  fenceSeconds = 0

  /** @returns what a range came to; undefined where a part of it could not be compared. */
  add(range: ComparedRange, rechecked: Rechecked): 'equal' | 'different' | undefined {
    const { differences, unsettled } = rechecked
    this.#source = withoutBuckets(combine(this.#source, range.source, 1))
    this.#hq = withoutBuckets(combine(this.#hq, range.hq, 1))
    this.#others += range.others
    this.#unsettled += unsettled.length
    this.#isCut ||= range.isCut
    this.#differences = [...this.#differences, ...differences]
    this.rows += range.rows
    this.ranges++
    this.dirtyBuckets += range.dirtyBuckets
    this.rechecked += range.suspects.length
    this.sourceSnapshots = readUnder(this.sourceSnapshots, range.sourceSnapshot)
    if (range.hqSnapshot !== undefined)
      this.hqSnapshots = readUnder(this.hqSnapshots, range.hqSnapshot)
    this.sourceSeconds += range.sourceSeconds
    this.fenceSeconds += range.fenceSeconds
    if (unsettled.length > 0 || range.others > 0 || range.isCut) return undefined
    return differences.every(isKnown) ? 'equal' : 'different'
  }

  get differences(): readonly ProvenDifference[] {
    return this.#differences
  }

  /** Differences but those that are known refusals. */
  get found(): ProvenDifference[] {
    return this.#differences.filter((difference) => !isKnown(difference))
  }

  /** Puts what became of {@link found} in its place. */
  replaceFound(found: readonly ProvenDifference[]): void {
    this.#differences = [...this.#differences.filter(isKnown), ...found]
  }

  /** Why not all rows of the ranges were compared; undefined where they were. */
  get gap(): string | undefined {
    if (this.#unsettled > 0) return `${this.#unsettled} keys changed all the while`
    if (this.#isCut) return 'too many rows differed at first to read them all'
    return this.#others > 0 ? 'the signing key may read only some of the orgs' : undefined
  }

  /**
   * Share of rows that was compared.
   * @param total rows in scope, where not all ranges were reached; they are more than those.
   */
  coverage(total?: number): number {
    const compared = Math.max(0, this.rows - this.#others - this.#unsettled)
    const isWhole = total === undefined && this.gap === undefined
    if (isWhole) return 1
    return Math.min(0.999_999, compared / Math.max(total ?? 0, this.rows + 1))
  }

  /** Everything that is counted. */
  counts(): Pick<
    DatasetReconciliation,
    'source_rows' | 'hq_rows' | 'in_flight' | 'findings' | 'repairs' | 'nulls' | 'statuses'
  > {
    const findings: Record<FindingClass, number> = noCounts(FINDING_CLASSES)
    const repairs: Record<RepairState, number> = noCounts(REPAIR_STATES)
    for (const difference of this.#differences) {
      findings[difference.finding.class]++
      if (!isKnown(difference)) repairs[difference.finding.repair]++
    }
    return {
      source_rows: this.#source.rows,
      hq_rows: this.#hq.rows,
      in_flight: this.#unsettled,
      findings,
      repairs,
      nulls: pairCounts(this.#source.nulls, this.#hq.nulls),
      statuses: pairCounts(this.#source.statuses, this.#hq.statuses),
    }
  }
}
