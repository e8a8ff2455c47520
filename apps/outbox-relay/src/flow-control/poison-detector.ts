import type { Blame } from '../batch/attempt-outcome.ts'

/**
 * Failures of a batch after which HQ is asked whether it serves others: fewer happen to every
 * batch.
 */
const ASK_AFTER = 3
/**
 * Failures of a row alone, with the proof that HQ serves others after each of them, until it is
 * given up.
 */
const GIVE_UP_AFTER = 3

/** What is to be done with a batch of which others are not to blame. */
export type Verdict =
  /** Nothing is proven yet. */
  | 'again'
  /** Into halves. */
  | 'cut'
  /** Its only row is a dead letter. */
  | 'give_up'
  /** Its only row is left for later. */
  | 'park'

/**
 * Whether a batch is refused for its own sake: some row of it makes HQ, or something on the way,
 * fail or refuse. An outage looks the same to this batch, so after a failure there must be proof
 * that HQ accepts others; for a row alone after each of several in a row.
 */
export class PoisonDetector {
  readonly #isAlone: boolean
  readonly #askAfter: number
  #failures = 0
  #proven = 0

  /** @param isPiece cut from a batch that was found to be refused for its own sake. */
  constructor(rowCount: number, isPiece: boolean) {
    this.#isAlone = rowCount === 1
    this.#askAfter = isPiece ? 1 : ASK_AFTER
  }

  /** Takes note of a failure. @returns true if proof is wanted now. */
  note(blame: Blame): boolean {
    if (blame === 'hq') return false
    this.#failures++
    // Whoever refuses outright refuses again.
    return blame === 'refused' || this.#failures >= this.#askAfter
  }

  /** HQ has accepted others since the last failure. */
  prove(blame: Blame): Verdict {
    this.#proven++
    if (!this.#isAlone) return 'cut'
    if (blame === 'slow') return 'park'
    return this.#proven >= GIVE_UP_AFTER ? 'give_up' : 'again'
  }

  /** HQ does not accept others either. */
  clear(): void {
    this.#failures = 0
    this.#proven = 0
  }
}
