/**
 * Rows of a dataset that are given up in a row on the word of a heartbeat alone, with no row of it
 * accepted since they were first tried.
 */
const MAX_GIVEN_UP = 3
/**
 * Batches of a dataset that HQ could not write in time in a row, until none of it is cut any more:
 * as many as it takes to find one row among 20,000, and hardly a burden where somebody holds the
 * whole table.
 */
const MAX_NOT_IN_TIME = 16

interface DatasetRecord {
  accepted: number
  givenUp: number
  notInTime: number
}

/**
 * What HQ has accepted, as the proof that it serves, and what follows from it: how far a refusal
 * may be taken for the fault of a row. An outage of one dataset looks like a row that nobody takes,
 * row after row; it ends here after a few.
 */
export class Restraint {
  readonly #datasets = new Map<string, DatasetRecord>()
  #accepted = 0

  /** Batches that HQ has accepted so far, of whatever dataset. */
  get accepted(): number {
    return this.#accepted
  }

  /** Batches of a dataset that HQ has accepted so far. */
  acceptedOf(dataset: string): number {
    return this.#of(dataset).accepted
  }

  noteAccepted(dataset: string): void {
    this.#accepted++
    const record = this.#of(dataset)
    record.accepted++
    record.givenUp = 0
    record.notInTime = 0
  }

  /**
   * True if a row may become a dead letter that nobody retries.
   * @param acceptedBefore what {@link acceptedOf} said when the row was first tried.
   */
  mayGiveUp(dataset: string, acceptedBefore: number): boolean {
    const { accepted, givenUp } = this.#of(dataset)
    return accepted > acceptedBefore || givenUp < MAX_GIVEN_UP
  }

  noteGivenUp(dataset: string): void {
    this.#of(dataset).givenUp++
  }

  /**
   * HQ could not write a batch in time. @returns true if it may be cut, or its only row be left for
   * later.
   */
  noteNotInTime(dataset: string): boolean {
    return ++this.#of(dataset).notInTime <= MAX_NOT_IN_TIME
  }

  #of(dataset: string): DatasetRecord {
    let record = this.#datasets.get(dataset)
    if (record === undefined) {
      record = { accepted: 0, givenUp: 0, notInTime: 0 }
      this.#datasets.set(dataset, record)
    }
    return record
  }
}
