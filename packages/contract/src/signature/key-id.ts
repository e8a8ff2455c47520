import { createHash } from 'node:crypto'

const KEY_ID_LENGTH = 12

/** A key's id as {@link keyIdOf} makes it. */
export const KEY_ID_PATTERN = /^[0-9a-f]{12}$/

/**
 * The id of a key, which names it in ledger, logs and headers and tells nothing about it: the start
 * of the SHA-256 of the text that verifies, `whsec_...` or `whpk_...`.
 */
export function keyIdOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, KEY_ID_LENGTH)
}
