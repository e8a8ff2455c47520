/*
 * The one look that every batch pays for: 0.15 us a row of 770 bytes, where decoding and validating
 * it takes 4. Each probe is a fragment of a rule's keyword that begins with a character rare in our
 * text and is no longer than V8 searches with SIMD; one alternation of all keywords costs nine
 * times as much. What a fragment finds must then look like the keyword, right there, so that
 * ordinary words cost next to nothing.
 */

interface Probe {
  readonly fragment: string
  /** Where the keyword begins, before the fragment. */
  readonly before: number
  readonly keyword: RegExp
}

const PROBES: readonly Probe[] = [
  { fragment: 'PRIVATE KEY', before: 0, keyword: /PRIVATE KEY/y },
  { fragment: 'IA', before: 2, keyword: /A[KSB]IA[A-Z2-7]{16}/y },
  { fragment: 'ACCA', before: 0, keyword: /ACCA[A-Z2-7]{16}/y },
  { fragment: 'A3T', before: 0, keyword: /A3T[A-Z0-9][A-Z2-7]{16}/y },
  { fragment: 'gh', before: 0, keyword: /gh[pousr]_/y },
  { fragment: 'gith', before: 0, keyword: /github_pat_/y },
  { fragment: 'k_', before: 1, keyword: /[sr]k_(?:test|live|prod)_/y },
  { fragment: 'k-ant-', before: 1, keyword: /sk-ant-/y },
  { fragment: 'xox', before: 0, keyword: /xox[abeoprs]-/y },
  { fragment: 'AIza', before: 0, keyword: /AIza/y },
  { fragment: 'SG.', before: 0, keyword: /SG\.[0-9A-Za-z_-]{16}/y },
  // A JSON object in base64url that begins with "alg", "typ", "kid" or another name: eyJ and the
  // name's first letters.
  { fragment: 'J', before: 2, keyword: /eyJ[0-9A-Za-z_-]{10}/y },
  { fragment: 'whs', before: 0, keyword: /whs(?:ec|k)_/y },
  { fragment: 'gres', before: 4, keyword: /postgres(?:ql)?:/y },
]

/**
 * Characters per fragment, on average, of a text in which they are looked at; ordinary text has a
 * fragment in a few hundred.
 */
const MIN_CHARS_PER_FRAGMENT = 32
/** Fragments that are looked at in the shortest text. */
const MIN_FRAGMENTS = 1_000

/**
 * True if text, as it stands in a batch, may hold a credential; false says that no rule would find
 * one, unless an escape such as `\u0041` hides it, which is asked apart. A text that is full of
 * fragments costs more here than a search by the rules, and is left to that.
 */
export function mayHoldSecret(text: string): boolean {
  let left = MIN_FRAGMENTS + text.length / MIN_CHARS_PER_FRAGMENT
  for (const { fragment, before, keyword } of PROBES) {
    for (let at = text.indexOf(fragment); at !== -1; at = text.indexOf(fragment, at + 1)) {
      keyword.lastIndex = Math.max(0, at - before)
      if (keyword.test(text) || --left < 0) return true
    }
  }
  return false
}
