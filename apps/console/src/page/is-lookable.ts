const MAX_CHARS = 200
const LOOKABLE_PATTERN = /^[^\p{Cc}\p{Cs}]+$/u

/**
 * Whether text of an address can be looked up at all: PostgreSQL's texts hold no U+0000, and no
 * name of ours holds a control character or is as long as this.
 */
export function isLookable(text: string): boolean {
  return text.length <= MAX_CHARS && LOOKABLE_PATTERN.test(text)
}
