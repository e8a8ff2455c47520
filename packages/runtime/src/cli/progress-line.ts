/** How often a line is written where nobody looks at a terminal. */
const PLAIN_LINE_MS = 5_000

/** Where progress is shown: standard error, so that nothing stands between the results. */
export interface Terminal {
  /** True where a line can be rewritten in place. */
  readonly isTTY: boolean
  /** Its width now; undefined where it has none. */
  readonly columns: () => number | undefined
  readonly write: (text: string) => void
}

/** Shows progress: one line in place on a terminal, else a line now and then. */
export class ProgressLine {
  readonly #terminal: Terminal
  #shownAt = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show(line: string): void {
    const now = performance.now()
    if (this.#terminal.isTTY) {
      // A line that wraps could not be taken back.
      const width = Math.max(1, (this.#terminal.columns() ?? 80) - 1)
      this.#terminal.write(`\r\u001b[2K${line.slice(0, width)}`)
    } else if (now - this.#shownAt >= PLAIN_LINE_MS) {
      this.#shownAt = now
      this.#terminal.write(`${line}\n`)
    }
  }

  /** Leaves the line to the result. */
  end(): void {
    if (this.#terminal.isTTY) this.#terminal.write('\r\u001b[2K')
  }
}
