import { ProgressLine, type Terminal } from '@hq-export/runtime/cli/progress-line.ts'
import type { BackfillRecord } from '../backfill-record.ts'
import { ProgressMeter } from '../progress-meter.ts'

/** Shows how far a backfill is. */
export class ProgressDisplay {
  readonly #line: ProgressLine
  readonly #meter = new ProgressMeter()

  constructor(terminal: Terminal) {
    this.#line = new ProgressLine(terminal)
  }

  show(record: BackfillRecord): void {
    this.#line.show(this.#meter.describe(record, performance.now()))
  }

  /** Leaves the line to the result. */
  end(): void {
    this.#line.end()
  }
}
