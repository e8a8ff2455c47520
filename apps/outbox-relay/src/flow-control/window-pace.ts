/** Large windows in turn from which rows come fast. */
const LARGE_IN_TURN = 2
/** While they do, windows take up one part in so many of the time. */
const PARTS = 4
/** From one cut to the next, in milliseconds, at least and at most. */
const MIN_PACE_MS = 50
const MAX_PACE_MS = 200

/**
 * When the next window may be cut: at once, or, while rows come fast, some time after the one
 * before, the longer the longer that one took.
 *
 * A window and its batches cost both programs and both servers much the same, whatever they hold.
 * Where a window gathers more rows than its tick reads by itself, either very many are written or
 * the machine is short of processors; few large windows leave more of it to those who write. One
 * alone may be one large transaction, and whoever commits behind it does not wait. A window that
 * took longer than the pace is followed at once: what has piled up is never paced.
 */
export class WindowPace {
  #cutAtMs = Number.NEGATIVE_INFINITY
  #largeInTurn = 0

  /** How long the next cut has to wait, in milliseconds. @param nowMs monotonic. */
  waitMs(nowMs: number): number {
    if (this.#largeInTurn < LARGE_IN_TURN) return 0
    const tookMs = nowMs - this.#cutAtMs
    const paceMs = Math.min(Math.max(PARTS * tookMs, MIN_PACE_MS), MAX_PACE_MS)
    return Math.max(0, paceMs - tookMs)
  }

  /**
   * A window was cut.
   * @param nowMs monotonic.
   * @param isLarge its tick has not read it: it is read in pages.
   */
  cut(nowMs: number, isLarge: boolean): void {
    this.#cutAtMs = nowMs
    this.#largeInTurn = isLarge ? this.#largeInTurn + 1 : 0
  }
}
