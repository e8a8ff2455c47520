import { HEARTBEAT_DATASET, type VerifyFailure, verify } from '@hq-export/contract'
import type { IngestKey } from '../ingest-key.ts'
import type { KeyRing } from '../keys/key-ring.ts'
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
 * @throws {Refusal} `unauthorized` (401), uniform; `database_unavailable` (503) where the key may be one that cannot be
 * read now: a 401 would halt a producer that is in the right.
 */
export async function verifyBatch(
  head: BatchHead,
  wire: Buffer,
  keys: KeyRing,
  nowMs: number,
): Promise<IngestKey> {
  const { id, timestamp, signature } = head
  const candidates = await keys.candidatesAt(nowMs)
  const result = verify({ id, timestamp, signature, body: wire, nowMs }, candidates.keys)
  if (result.ok) return result.key
  if (!candidates.complete && result.failure === 'signature_mismatch') {
    throw new Refusal('database_unavailable', undefined, { cause: 'keys_unreadable' })
  }
  throw unauthorized(result.failure)
}

/**
 * The source that the body names must be the one whose key signed it.
 * @throws {Refusal} `unauthorized` (401), uniform.
 */
export function assertOwnSource(source: string, key: IngestKey): void {
  if (source !== key.source) throw unauthorized('foreign_source')
}

/**
 * A key may be limited to some datasets; the heartbeat, a source's sign of life, is never refused.
 * @throws {Refusal} `not_allowed` (403).
 */
export function assertMayWrite(dataset: string, { datasets }: IngestKey): void {
  if (datasets === undefined || dataset === HEARTBEAT_DATASET || datasets.has(dataset)) return
  throw new Refusal('not_allowed')
}
