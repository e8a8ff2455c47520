import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
/** The median is of this long; one long step, such as a large batch, does not move it. */
const WINDOW_MS = 1_000
const NS_PER_MS = 1e6
const MEDIAN = 50

/** How late the event loop runs. Costs one timer; looks at the clock only when asked. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #windowBegan = performance.now()
  #lastMs = 0

  start(): void {
    this.#histogram.enable()
  }

  stop(): void {
    this.#histogram.disable()
  }

  /** Median lateness over the last window that is over; a look long after it begins the next. */
  get medianMs(): number {
    if (performance.now() - this.#windowBegan >= WINDOW_MS) {
      this.#lastMs = this.#readMedian()
      this.#windowBegan = performance.now()
      this.#histogram.reset()
    }
    return this.#lastMs
  }

  #readMedian(): number {
    if (this.#histogram.count === 0) return 0
    return Math.max(0, this.#histogram.percentile(MEDIAN) / NS_PER_MS - RESOLUTION_MS)
  }
}
