import { hash } from 'node:crypto'
import { SECRET_RULES, type SecretRule } from './rules.ts'
import { withoutEscapes } from './without-escapes.ts'

/** A credential that was found, told apart from others without telling it. */
export interface FoundSecret {
  readonly rule: string
  /** Of the secret, hexadecimal. */
  readonly sha256: string
  readonly last4?: string
}

/**
 * The rule of a row that could not be searched to its end: it holds more look-alikes than anyone
 * needs.
 */
const TOO_MANY_LOOK_ALIKES = 'too-many-look-alikes'

/**
 * Texts of one row that have the shape of a credential, but not its entropy. Measuring more of them
 * would take its time.
 */
export const MAX_LOOK_ALIKES = 1_000
/**
 * Credentials of one rule that are told of one text; it is kept without any of it, however many it
 * holds.
 */
const MAX_TOLD = 100

/** How much of a row's search is left; one for all of its members. */
export interface SearchBudget {
  lookAlikes: number
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

function findByRule(
  { id, next, minEntropy = 0, showsLast4 }: SecretRule,
  text: string,
  budget: SearchBudget,
): FoundSecret[] {
  const found: FoundSecret[] = []
  let shape = next(text, 0)
  while (shape !== undefined && found.length < MAX_TOLD) {
    const secret = text.slice(shape.start, shape.end)
    if (minEntropy === 0 || entropyOf(secret) >= minEntropy) {
      const last4 = showsLast4 && { last4: secret.slice(-4) }
      found.push({ rule: id, sha256: hash('sha256', secret, 'hex'), ...last4 })
      shape = next(text, shape.end)
    } else if (--budget.lookAlikes < 0) {
      return found
    } else {
      // A shape that is none must not cover the beginning of one that is.
      shape = next(text, shape.start + 1)
    }
  }
  return found
}

/**
 * Every credential in JSON text, by rule; of a text with a great many of one rule, the first of
 * them.
 *
 * Linear in the text, whatever it holds. Where `budget` is used up, the text was not searched to
 * its end, and the last of what was found is {@link TOO_MANY_LOOK_ALIKES}, with the hash of the
 * whole text.
 */
export function findSecrets(
  jsonText: string,
  budget: SearchBudget = { lookAlikes: MAX_LOOK_ALIKES },
): FoundSecret[] {
  const text = withoutEscapes(jsonText)
  const found = SECRET_RULES.flatMap((rule) => findByRule(rule, text, budget))
  if (budget.lookAlikes >= 0) return found
  return [...found, { rule: TOO_MANY_LOOK_ALIKES, sha256: hash('sha256', jsonText, 'hex') }]
}
