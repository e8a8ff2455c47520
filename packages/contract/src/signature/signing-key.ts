import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { keyIdOf } from './key-id.ts'

interface NamedKey {
  /**
   * {@link keyIdOf} the text that verifies, in the one spelling that base64 has for its bytes: the
   * same on both sides.
   */
  readonly id: string
}

/** Key that signs: a shared HMAC secret (`whsec_`) or an ed25519 private key (`whsk_`). */
export type SigningKey = NamedKey &
  (
    | { readonly kind: 'hmac'; readonly secret: Buffer }
    | { readonly kind: 'ed25519'; readonly privateKey: KeyObject }
  )

/** Key that verifies: the same HMAC secret, or an ed25519 public key (`whpk_`). */
export type VerificationKey = NamedKey &
  (
    | { readonly kind: 'hmac'; readonly secret: Buffer }
    | { readonly kind: 'ed25519'; readonly publicKey: KeyObject }
  )

/** A key's text breaks a rule of Standard Webhooks. The message never contains the key. */
export class KeyFormatError extends Error {
  override readonly name = 'KeyFormatError'
}

// Standard Webhooks, "Signature scheme": HMAC secrets have 24 to 64 random bytes.
const MIN_SECRET_BYTES = 24
const MAX_SECRET_BYTES = 64
const ED25519_BYTES = 32

// RFC 8410: the fixed DER prefixes in front of a raw ed25519 seed (PKCS#8) and public key (SPKI).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

const BASE64_PATTERN = /^[A-Za-z0-9+/]+={0,2}$/

function decodeAfterPrefix(text: string, prefix: string): Buffer {
  const encoded = text.slice(prefix.length)
  if (!BASE64_PATTERN.test(encoded) || encoded.length % 4 !== 0) {
    throw new KeyFormatError(`must be ${prefix} followed by padded base64`)
  }
  return Buffer.from(encoded, 'base64')
}

function parseSecret(text: string, otherPrefix: string): Buffer {
  if (!text.startsWith('whsec_')) {
    throw new KeyFormatError(`must begin with whsec_ or ${otherPrefix}`)
  }
  const secret = decodeAfterPrefix(text, 'whsec_')
  if (secret.length < MIN_SECRET_BYTES || secret.length > MAX_SECRET_BYTES) {
    throw new KeyFormatError(
      `must hold ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, holds ${secret.length}`,
    )
  }
  return secret
}

function idOf(prefix: 'whsec_' | 'whpk_', bytes: Buffer): string {
  return keyIdOf(`${prefix}${bytes.toString('base64')}`)
}

function hmacKey(secret: Buffer) {
  return { kind: 'hmac', id: idOf('whsec_', secret), secret } as const
}

function publicBytesOf(privateKey: KeyObject): Buffer {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return der.subarray(SPKI_PREFIX.length)
}

/**
 * Reads `whsec_...` or `whsk_...` (seed, or seed and public key, as libraries write it).
 * @throws {KeyFormatError} for any other text.
 */
export function parseSigningKey(text: string): SigningKey {
  if (!text.startsWith('whsk_')) return hmacKey(parseSecret(text, 'whsk_'))
  const bytes = decodeAfterPrefix(text, 'whsk_')
  if (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES) {
    throw new KeyFormatError(`must hold 32 or 64 bytes, holds ${bytes.length}`)
  }
  const der = Buffer.concat([PKCS8_PREFIX, bytes.subarray(0, ED25519_BYTES)])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  // 64 bytes may also be an expanded private key; read as a seed it would sign what nobody can
  // verify.
  const publicBytes = bytes.subarray(ED25519_BYTES)
  const ownPublicBytes = publicBytesOf(privateKey)
  if (publicBytes.length > 0 && !publicBytes.equals(ownPublicBytes)) {
    throw new KeyFormatError('must hold a seed and its own public key')
  }
  return { kind: 'ed25519', id: idOf('whpk_', ownPublicBytes), privateKey }
}

/**
 * Reads `whsec_...` or `whpk_...`.
 * @throws {KeyFormatError} for any other text.
 */
export function parseVerificationKey(text: string): VerificationKey {
  if (!text.startsWith('whpk_')) return hmacKey(parseSecret(text, 'whpk_'))
  const bytes = decodeAfterPrefix(text, 'whpk_')
  if (bytes.length !== ED25519_BYTES) {
    throw new KeyFormatError(`must hold 32 bytes, holds ${bytes.length}`)
  }
  const der = Buffer.concat([SPKI_PREFIX, bytes])
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return { kind: 'ed25519', id: idOf('whpk_', bytes), publicKey }
}
