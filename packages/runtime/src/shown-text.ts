/**
 * Characters that a terminal obeys instead of showing them, or that turn the direction of what
 * follows.
 */
const CONTROL_PATTERN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Characters of a row that a command shows. */
export const SHOWN_CHARS: number = 64 * 1024

/** Text of others as a terminal can show it: what is no character to look at, as an escape. */
export function shownText(text: string): string {
  return text.replace(
    CONTROL_PATTERN,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}
