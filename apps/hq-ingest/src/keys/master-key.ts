import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { KeyFormatError } from '@hq-export/contract'

/** Seals the secrets of stored keys; lives in the environment, never in the database. */
export interface MasterKey {
  /** Says which master key sealed a secret, and nothing about it. */
  readonly id: string
  readonly key: KeyObject
}

const KEY_BYTES = 32
const BASE64_PATTERN = /^[A-Za-z0-9+/]{43}=$/
const ID_LENGTH = 12

/**
 * Reads `INGEST_MASTER_KEY`: base64 of 32 random bytes, as `openssl rand -base64 32` prints them.
 * @throws {KeyFormatError} for any other text, without repeating it.
 */
export function parseMasterKey(text: string): MasterKey {
  if (!BASE64_PATTERN.test(text)) {
    throw new KeyFormatError(`must be padded base64 of ${KEY_BYTES} bytes`)
  }
  const key = createSecretKey(text, 'base64')
  const id = createHmac('sha256', key).update('id of a master key of hq-ingest').digest('hex')
  return Object.freeze({ id: id.slice(0, ID_LENGTH), key })
}
