import type { DigestScope } from '@hq-export/contract'
import type { Snapshot } from '../../outbox/tick.ts'
import { STOPPED, TooLongError, UndecidedError } from '../compare/undecided-error.ts'
import { type DatasetContext, isWhole } from '../dataset/dataset-context.ts'
import type { SourceScope } from '../source/scan-sql.ts'
import { Stopwatch } from './stopwatch.ts'

/** What every step of the comparison of a range shares. */
export interface RangeReading {
  readonly context: DatasetContext
  /** The range, as HQ is asked for it. */
  readonly scope: DigestScope
  /** The same, as the source is. */
  readonly sourceScope: SourceScope
  /** Of the source: what is read of it is read under this one. */
  readonly snapshot: Snapshot
  /** By `performance.now()`: the snapshot is not held for longer. */
  readonly until: number
  /** Runs while the source is read. */
  readonly source: Stopwatch
  /** Runs while the relay is waited for. */
  readonly fence: Stopwatch
  /**
   * Whether what was kept of removed rows counts on the source's side: a note knows the key of its
   * row, and neither its time nor its org.
   */
  readonly countsRemovals: boolean
}

/** Begins to read a range under a snapshot. @param until as {@link RangeReading.until}. */
export function readingOf(
  context: DatasetContext,
  scope: DigestScope,
  snapshot: Snapshot,
  until: number,
): RangeReading {
  const { org_id: _, ...rest } = scope
  return {
    context,
    scope,
    sourceScope: { ...rest, orgs: context.orgs },
    snapshot,
    until,
    source: new Stopwatch(),
    fence: new Stopwatch(),
    countsRemovals: keepsRemoved(context) && context.orgs === null && isWhole(scope),
  }
}

/** True where HQ rightly keeps rows that the source has deleted; of snapshots others know. */
export function keepsRemoved({ dataset, entities }: DatasetContext): boolean {
  return dataset.semantics === 'append' && entities.size === 0
}

/**
 * @throws {UndecidedError} where the comparison is to stop.
 * @throws {TooLongError} where the snapshot must not be held any longer.
 */
export function assertInTime({ context, until }: RangeReading): void {
  if (context.stopping.aborted) throw new UndecidedError(STOPPED)
  if (performance.now() > until) throw new TooLongError('a range cannot be compared in time')
}
