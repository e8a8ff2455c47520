/** Characters of a text of a row that are kept. */
const MAX_CHARS = 64

/** Stands for all further texts. */
export const OTHERS = ''

/** A text as it is kept: its beginning, without half a character. */
function kept(text: string): string {
  if (text.length <= MAX_CHARS) return text
  const last = text.charCodeAt(MAX_CHARS - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? MAX_CHARS - 1 : MAX_CHARS)
}

/** Numbers the texts of a column in the order in which they come; as many as it may. */
export class DistinctTexts {
  readonly #max: number
  readonly #numbers = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
    this.#numbers.set(OTHERS, 0)
  }

  /** @returns 0 for what stands for all further texts. */
  numberOf(text: string): number {
    const name = kept(text)
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (this.#numbers.size > this.#max) return 0
    this.#numbers.set(name, this.#numbers.size)
    return this.#numbers.size - 1
  }

  /** By number. */
  texts(): string[] {
    return [...this.#numbers.keys()]
  }
}
