/** From one cut to the next, in milliseconds, while rows come fast. */
const PACE_MS = 50
/** Large windows in turn from which rows come fast. */
const LARGE_IN_TURN = 2

/**
 * When the next window may be cut: at once, or, while rows come fast, {@link PACE_MS} after the one
 * before.
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
    return Math.max(0, this.#cutAtMs + PACE_MS - nowMs)
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
