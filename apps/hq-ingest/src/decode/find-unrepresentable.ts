/** What text of PostgreSQL cannot hold although JSON can write it. */
export type Unrepresentable = 'unrepresentable_nul' | 'unrepresentable_surrogate'

// Finds candidates; an escaped backslash in front makes it harmless, which only the exact look
// below can tell.
const SUSPICION_PATTERN = /\\u(?:00(?:00|[2-7])|[dD][89a-fA-F])/
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/**
 * True if the text of a batch might hold U+0000 or a lone surrogate, or escapes printable ASCII,
 * which nobody needs to and which could hide a credential: one search, paid for by every batch.
 */
export function isSuspicious(text: string): boolean {
  // The plain search is more than twice as fast, and finds nothing in nearly every batch.
  return text.includes('\\u') && SUSPICION_PATTERN.test(text)
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/**
 * Looks for an escape in valid JSON text (of well-formed UTF-16) that means U+0000 or one half of a
 * surrogate pair alone. Outside strings JSON has no backslash, so every escape counts, in names and
 * values alike.
 */
export function findUnrepresentable(jsonText: string): Unrepresentable | undefined {
  // Index behind a high surrogate that waits for its other half.
  let expected = -1
  for (let at = jsonText.indexOf('\\'); at !== -1 && at < jsonText.length; ) {
    if (jsonText.charCodeAt(at) !== BACKSLASH) {
      at++
      continue
    }
    const isUnit = jsonText.charCodeAt(at + 1) === LETTER_U
    const unit = isUnit ? Number.parseInt(jsonText.slice(at + 2, at + 6), 16) : -1
    if (unit === 0) return 'unrepresentable_nul'
    const completes = isLowSurrogate(unit) && at === expected
    if (expected !== -1 && !completes) return 'unrepresentable_surrogate'
    if (isLowSurrogate(unit) && !completes) return 'unrepresentable_surrogate'
    at += isUnit ? 6 : 2
    expected = isHighSurrogate(unit) ? at : -1
  }
  return expected === -1 ? undefined : 'unrepresentable_surrogate'
}
