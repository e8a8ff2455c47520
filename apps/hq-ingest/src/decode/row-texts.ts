import { locateRows, type Span } from '@hq-export/contract'

/**
 * The exact text of the rows of a batch, for the few that need it. Made of the body's bytes when
 * the first is asked for: a text of megabytes that nobody asks for would stay until the garbage
 * collector comes by.
 */
export class RowTexts {
  readonly #readText: () => string
  #located: { readonly text: string; readonly spans: readonly Span[] } | undefined

  /** @param readText of the whole batch, which is valid JSON. */
  constructor(readText: () => string) {
    this.#readText = readText
  }

  #locate(): { readonly text: string; readonly spans: readonly Span[] } {
    if (this.#located === undefined) {
      const text = this.#readText()
      this.#located = { text, spans: locateRows(text).map(({ row }) => row) }
    }
    return this.#located
  }

  /** The text that the spans are of. */
  get text(): string {
    return this.#locate().text
  }

  /** Where row `index` stands in {@link text}. */
  spanAt(index: number): Span {
    const span = this.#locate().spans[index]
    if (span === undefined) throw new Error(`the batch has no row ${index}`)
    return span
  }

  /** Row `index`, as it was sent. */
  at(index: number): string {
    const { start, end } = this.spanAt(index)
    return this.text.slice(start, end)
  }
}
