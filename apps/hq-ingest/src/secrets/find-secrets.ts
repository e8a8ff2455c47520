import { hash } from 'node:crypto'
import { SECRET_RULES } from './rules.ts'

/** A credential that was found, told apart from others without telling it. */
export interface FoundSecret {
  readonly rule: string
  /** Of the secret, hexadecimal. */
  readonly sha256: string
  readonly last4?: string
}

// At any depth of JSON inside of JSON.
const ESCAPE_PATTERN = /\\{1,64}(?:u([0-9a-fA-F]{4})|([bfnrt/]))/g
const PRINTABLE_PATTERN = /[!-~]/

/** JSON text with printable ASCII in place of its escapes, which could hide a keyword, and a space in place of all others. */
function withoutEscapes(jsonText: string): string {
  return jsonText.replace(ESCAPE_PATTERN, (_, code?: string, short?: string) => {
    if (code === undefined) return short === '/' ? '/' : ' '
    const character = String.fromCharCode(Number.parseInt(code, 16))
    return PRINTABLE_PATTERN.test(character) ? character : ' '
  })
}

/** Shannon's entropy in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) {
    const share = count / text.length
    bits -= share * Math.log2(share)
  }
  return bits
}

/** Every credential in JSON text, by rule. */
export function findSecrets(jsonText: string): FoundSecret[] {
  const text = withoutEscapes(jsonText)
  const found: FoundSecret[] = []
  for (const { id, pattern, minEntropy = 0, showsLast4 } of SECRET_RULES) {
    for (const [secret] of text.matchAll(pattern)) {
      if (entropyOf(secret) < minEntropy) continue
      found.push({
        rule: id,
        sha256: hash('sha256', secret, 'hex'),
        ...(showsLast4 && { last4: secret.slice(-4) }),
      })
    }
  }
  return found
}
