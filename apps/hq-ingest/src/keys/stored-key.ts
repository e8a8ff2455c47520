import {
  KeyFormatError,
  keyIdOf,
  parseVerificationKey,
  type VerificationKey,
} from '@hq-export/contract'
import type { IngestKey } from './ingest-key.ts'
import type { MasterKey } from './master-key.ts'
import { type OpenedSecret, openSecret } from './seal-secret.ts'

/** A row of `ingest.key`, as far as verification needs it. */
export interface KeyRow {
  readonly id: string
  readonly source: string
  readonly orgs: readonly string[] | null
  readonly datasets: readonly string[] | null
  readonly public_key: string | null
  readonly master_key_id: string | null
  readonly nonce: Buffer | null
  readonly sealed_secret: Buffer | null
  readonly requests_per_minute: number | null
  readonly bytes_per_minute: number | null
  /** Milliseconds since the epoch. */
  readonly not_before_ms: number | null
  readonly not_after_ms: number | null
  readonly is_revoked: boolean
}

/** A key of the database, or why it cannot be used; a key that cannot be used verifies nothing. */
export type StoredKey =
  | { readonly kind: 'usable'; readonly key: IngestKey }
  | {
      readonly kind: 'unusable'
      readonly id: string
      readonly source: string
      readonly reason: Exclude<OpenedSecret['kind'], 'opened'> | 'malformed'
    }

function openText(row: KeyRow, masterKeys: readonly MasterKey[]): OpenedSecret {
  if (row.public_key !== null) return { kind: 'opened', secret: row.public_key }
  const { master_key_id: masterKeyId, nonce, sealed_secret: sealed } = row
  if (masterKeyId === null || nonce === null || sealed === null) return { kind: 'not_authentic' }
  return openSecret({ masterKeyId, nonce, sealed }, row, masterKeys)
}

/** The key of the text, if it is the text that the row's id was made of. */
function parseText(text: string, id: string): VerificationKey | undefined {
  try {
    return keyIdOf(text) === id ? parseVerificationKey(text) : undefined
  } catch (error) {
    if (error instanceof KeyFormatError) return undefined
    throw error
  }
}

/** Makes a key of a row of the database. */
export function readStoredKey(row: KeyRow, masterKeys: readonly MasterKey[]): StoredKey {
  const { id, source, orgs, datasets } = row
  const opened = openText(row, masterKeys)
  if (opened.kind !== 'opened') return { kind: 'unusable', id, source, reason: opened.kind }
  const key = parseText(opened.secret, id)
  if (key === undefined) return { kind: 'unusable', id, source, reason: 'malformed' }
  return {
    kind: 'usable',
    key: Object.freeze({
      id,
      source,
      key,
      orgs: orgs === null ? undefined : new Set(orgs),
      datasets: datasets === null ? undefined : new Set(datasets),
      quota: {
        ...(row.requests_per_minute !== null && { requestsPerMinute: row.requests_per_minute }),
        ...(row.bytes_per_minute !== null && { bytesPerMinute: row.bytes_per_minute }),
      },
      ...(row.not_before_ms !== null && { notBeforeMs: row.not_before_ms }),
      ...(row.not_after_ms !== null && { notAfterMs: row.not_after_ms }),
    }),
  }
}
