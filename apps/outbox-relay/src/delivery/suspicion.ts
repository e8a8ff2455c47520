import type { AttemptOutcome } from './classify.ts'

/** Suspect ends of attempts after which a batch is cut in two. */
const SUSPECT_ATTEMPTS = 3

/**
 * Whether a batch kills its own requests: some row of it makes HQ, or something on the way, fail without an answer. Three
 * suspect ends are not enough, an outage looks the same; there must be proof that HQ serves others meanwhile.
 */
export class Suspicion {
  #suspectEnds = 0
  #acceptedBefore = 0

  /**
   * Takes note of how an attempt ended.
   * @param accepted batches that HQ has accepted so far, of all batches.
   */
  note(outcome: AttemptOutcome, accepted: number): void {
    if (outcome.kind !== 'retry' || !outcome.isSuspect) return
    if (this.#suspectEnds === 0) this.#acceptedBefore = accepted
    this.#suspectEnds++
  }

  /**
   * True if the batch is to be cut in two.
   * @param accepted as in {@link note}.
   * @param isReady asks HQ whether it can work; asked only if no other batch has proven it.
   */
  async isConfirmed(accepted: number, isReady: () => Promise<boolean>): Promise<boolean> {
    if (this.#suspectEnds < SUSPECT_ATTEMPTS) return false
    return accepted > this.#acceptedBefore || (await isReady())
  }
}
