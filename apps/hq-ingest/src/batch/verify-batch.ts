import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Claim,
  HEARTBEAT_DATASET,
  passesOf,
  readClaim,
  signatureCheck,
  type VerificationKey,
  type VerifyFailure,
} from '@hq-export/contract'
import type { VerificationBudget } from '../admission/verification-budget.ts'
import type { BatchHead } from '../http/read-head.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { Refusal } from '../refusal/refusal.ts'

/** Why a caller was not believed; for the operator's log, the caller sees one uniform 401. */
export type DistrustReason = VerifyFailure | 'foreign_source'

function unauthorized(reason: DistrustReason): Refusal {
  return new Refusal('unauthorized', undefined, { cause: reason })
}

/** What is known of a request before its body is. */
export interface Suspect {
  /**
   * Undefined where no key could verify it; the caller is told once the body is there, like
   * everybody.
   */
  readonly claim: Claim | undefined
  readonly failure: VerifyFailure
  /** Keys that are tried: those that the caller names, or all. */
  readonly keys: readonly IngestKey[]
  /** False where keys may be missing among them. */
  readonly isComplete: boolean
  /** Passes over the body that trying them takes. */
  readonly passes: number
}

/**
 * Tried in place of a key that is named and unknown, so that the time does not say which ids there
 * are.
 */
const NOBODY: VerificationKey = { kind: 'hmac', id: '', secret: randomBytes(32) }

/** Others get their turn after so long; one pass over the largest body takes as long again. */
const TURN_MS = 5

/**
 * Reads what the headers say of the signature, and who may have made it, before the body is asked
 * for.
 */
export async function readSuspect(head: BatchHead, ring: KeyRing, nowMs: number): Promise<Suspect> {
  const { id, timestamp, signature, keyIds } = head
  const read = readClaim({ id, timestamp, signature, nowMs })
  if (!read.ok)
    return { claim: undefined, failure: read.failure, keys: [], isComplete: true, passes: 0 }
  const { claim } = read
  const { keys: active, complete: isComplete } = await ring.candidatesAt(nowMs)
  const keys = keyIds.length === 0 ? active : active.filter(({ key }) => keyIds.includes(key.id))
  const passes = keys.reduce((sum, { key }) => sum + passesOf(claim, key), 0)
  return { claim, failure: 'signature_mismatch', keys, isComplete, passes }
}

/**
 * The key that signed what came over this connection before is asked alone first.
 * @returns undefined where it did not sign, or is not among them.
 */
function asBefore(
  keys: readonly IngestKey[],
  keyId: string | undefined,
  isSignedBy: (key: VerificationKey) => boolean,
): IngestKey | undefined {
  const key = keyId === undefined ? undefined : keys.find(({ id }) => id === keyId)
  return key !== undefined && isSignedBy(key.key) ? key : undefined
}

/**
 * Verifies the signature over the bytes as they came, before anything is decompressed or parsed.
 * Gives way to others between two keys.
 * @param lastKeyId key that signed what came over the connection last.
 * @param signal ends the search; its reason is thrown.
 * @returns the key that signed.
 * @throws {Refusal} `unauthorized` (401), uniform; `at_capacity` (503) where too much is being
 * tried; `database_unavailable` (503) where the key may be one that cannot be read now: a 401 would
 * halt a producer that is in the right.
 */
export async function verifyBatch(
  { claim, failure, keys, isComplete, passes }: Suspect,
  wire: Buffer,
  lastKeyId: string | undefined,
  budget: VerificationBudget,
  signal: AbortSignal,
): Promise<IngestKey> {
  if (claim === undefined) throw unauthorized(failure)
  const isSignedBy = signatureCheck(claim, wire)
  const last = asBefore(keys, lastKeyId, isSignedBy)
  if (last !== undefined) return last
  const giveBack = budget.pay(passes, wire.length)
  let turnBegan = performance.now()
  for (const candidate of keys) {
    if (performance.now() - turnBegan > TURN_MS) {
      await nextTurn()
      signal.throwIfAborted()
      turnBegan = performance.now()
    }
    if (isSignedBy(candidate.key)) {
      giveBack()
      return candidate
    }
  }
  if (keys.length === 0) isSignedBy(NOBODY)
  if (isComplete) throw unauthorized(failure)
  throw new Refusal('database_unavailable', undefined, { cause: 'keys_unreadable' })
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
