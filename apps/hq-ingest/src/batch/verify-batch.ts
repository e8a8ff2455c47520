import { type VerifyFailure, verify } from '@hq-export/contract'
import type { IngestKey } from '../ingest-key.ts'
import { Refusal } from '../refusal.ts'
import type { BatchHead } from './read-head.ts'

/** Why a caller was not believed; for the operator's log, the caller sees one uniform 401. */
export type DistrustReason = VerifyFailure | 'foreign_source'

function unauthorized(reason: DistrustReason): Refusal {
  return new Refusal('unauthorized', undefined, { cause: reason })
}

/**
 * Verifies the signature over the bytes as they came, before anything is decompressed or parsed.
 * @returns the key that signed.
 * @throws {Refusal} `unauthorized` (401), uniform.
 */
export function verifyBatch(
  head: BatchHead,
  wire: Buffer,
  keys: readonly IngestKey[],
  nowMs: number,
): IngestKey {
  const { id, timestamp, signature } = head
  const result = verify({ id, timestamp, signature, body: wire, nowMs }, keys)
  if (!result.ok) throw unauthorized(result.failure)
  return result.key
}

/**
 * The source that the body names must be the one whose key signed it.
 * @throws {Refusal} `unauthorized` (401), uniform.
 */
export function assertOwnSource(source: string, key: IngestKey): void {
  if (source !== key.source) throw unauthorized('foreign_source')
}
