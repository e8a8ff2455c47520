import { randomBytes } from 'node:crypto'
import { KeyFormatError, keyIdOf, parseVerificationKey } from '@hq-export/contract'
import type { MasterKey } from './master-key.ts'
import { type SealedSecret, sealSecret } from './seal-secret.ts'

/** What a new key is made of. */
export type KeyMaterial =
  | {
      readonly kind: 'hmac'
      readonly id: string
      /** `whsec_...`: printed once, then forgotten. */
      readonly secret: string
      readonly sealed: SealedSecret
    }
  | { readonly kind: 'ed25519'; readonly id: string; readonly publicKey: string }

// The length of the hash: longer secrets gain nothing (RFC 2104, 3).
const SECRET_BYTES = 32

/** Makes a random HMAC secret for a source, sealed by the master key. */
export function createHmacMaterial(source: string, masterKey: MasterKey): KeyMaterial {
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
  const id = keyIdOf(secret)
  return { kind: 'hmac', id, secret, sealed: sealSecret(secret, { id, source }, masterKey) }
}

/**
 * Takes the public half of an ed25519 key: `whpk_...`.
 * @throws {KeyFormatError} for any other text, without repeating it: it may be a secret in the
 * wrong place.
 */
export function readPublicMaterial(publicKey: string): KeyMaterial {
  if (parseVerificationKey(publicKey).kind !== 'ed25519') {
    throw new KeyFormatError('must begin with whpk_')
  }
  return { kind: 'ed25519', id: keyIdOf(publicKey), publicKey }
}
