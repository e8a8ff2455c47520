import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { MasterKey } from './master-key.ts'

/** Whose secret it is; authenticated with it, so that no row's secret works in another row. */
export interface SecretOwner {
  readonly id: string
  readonly source: string
}

/** A secret as the database holds it. */
export interface SealedSecret {
  readonly masterKeyId: string
  readonly nonce: Buffer
  /** Ciphertext, then the tag. */
  readonly sealed: Buffer
}

/**
 * The secret, or why it stays shut: `no_master_key` seals it that we have, or it is not what was
 * sealed for this owner.
 */
export type OpenedSecret =
  | { readonly kind: 'opened'; readonly secret: string }
  | { readonly kind: 'no_master_key' }
  | { readonly kind: 'not_authentic' }

const CIPHER = 'aes-256-gcm'
// NIST SP 800-38D, 5.2.1.1 and 8.2.2: a random nonce has 96 bits; we seal far fewer than its 2^32
// secrets.
const NONCE_BYTES = 12
const TAG_BYTES = 16

function ownerBytes({ id, source }: SecretOwner): Buffer {
  return Buffer.from(JSON.stringify([id, source]), 'utf8')
}

/** Encrypts a secret with AES-256-GCM under `masterKey`. */
export function sealSecret(secret: string, owner: SecretOwner, masterKey: MasterKey): SealedSecret {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, masterKey.key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(ownerBytes(owner))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return { masterKeyId: masterKey.id, nonce, sealed }
}

/**
 * Decrypts a secret with whichever of `masterKeys` sealed it; never throws, never returns what is
 * not authentic.
 */
export function openSecret(
  { masterKeyId, nonce, sealed }: SealedSecret,
  owner: SecretOwner,
  masterKeys: readonly MasterKey[],
): OpenedSecret {
  const masterKey = masterKeys.find(({ id }) => id === masterKeyId)
  if (masterKey === undefined) return { kind: 'no_master_key' }
  try {
    const decipher = createDecipheriv(CIPHER, masterKey.key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(ownerBytes(owner))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const secret = decipher.update(sealed.subarray(0, -TAG_BYTES))
    // Throws unless the tag fits; until then nothing of the plain text may be used.
    return {
      kind: 'opened',
      secret: Buffer.concat([secret, decipher.final()]).toString('utf8'),
    }
  } catch {
    return { kind: 'not_authentic' }
  }
}
