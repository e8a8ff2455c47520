/** Large windows in turn from which rows come fast. */
const LARGE_IN_TURN = 2
/** While they do, what the source is asked takes up one part in so many of the time. */
const PARTS = 20
/** From one cut to the next, in milliseconds, at least and at most. */
const MIN_PACE_MS = 50
const MAX_PACE_MS = 400

/**
 * When the next window may be cut: at once, or, while rows come fast, some time after the one
 * before, the longer the longer the source took to show it.
 *
 * A window and its batches cost both programs and both servers much the same, whatever they hold,
 * and each leaves its traces in the processors' caches. Where a window gathers more rows than its
 * tick reads by itself, either very many are written or the source is short of processors; few
 * large windows leave more of it to those who write. Where HQ is far, its way takes no time of the
 * source, and counts for nothing. One large window alone may be one large transaction, and whoever
 * commits behind it does not wait. A window that took longer than the pace is followed at once: what
 * has piled up is never paced.
 */
export class WindowPace {
  #cutAtMs = Number.NEGATIVE_INFINITY
  #sourceMs = 0
  #largeInTurn = 0

  /** How long the next cut has to wait, in milliseconds. @param nowMs monotonic. */
  waitMs(nowMs: number): number {
    if (this.#largeInTurn < LARGE_IN_TURN) return 0
    const paceMs = Math.min(Math.max(PARTS * this.#sourceMs, MIN_PACE_MS), MAX_PACE_MS)
    return Math.max(0, this.#cutAtMs + paceMs - nowMs)
  }

  /** The last window was read with its tick. */
  noteSmall(): void {
    this.#largeInTurn = 0
  }

  /**
   * The last window was read in pages.
   * @param cutAtMs when it was cut, on a monotonic clock.
   * @param sourceMs how long the source took for its tick and its pages.
   */
  noteLarge(cutAtMs: number, sourceMs: number): void {
    this.#cutAtMs = cutAtMs
    this.#sourceMs = sourceMs
    this.#largeInTurn++
  }
}
