import { createHmac, verify as cryptoVerify, timingSafeEqual } from 'node:crypto'
import { WEBHOOK_ID_PATTERN } from '../wire/headers.ts'
import { LIMITS } from '../wire/limits.ts'
import { signedPrefix } from './sign.ts'
import type { VerificationKey } from './signing-key.ts'

/** Standard Webhooks: how far `webhook-timestamp` may be from now, either way. */
export const TIMESTAMP_TOLERANCE_SECONDS = 5 * 60

const TIMESTAMP_HEADER_PATTERN = /^\d{1,12}$/

/** What a request says about itself, and when it is read. */
export interface VerifyInput {
  /** `webhook-id` as received; one that breaks {@link WEBHOOK_ID_PATTERN} never verifies. */
  readonly id: string
  /** `webhook-timestamp` as received. */
  readonly timestamp: string | undefined
  /** `webhook-signature` as received. */
  readonly signature: string | undefined
  /** Body as received, before any `content-encoding` is undone. */
  readonly body: Uint8Array
  readonly nowMs: number
}

/**
 * For the operator's log only: the caller of the endpoint gets one uniform refusal for all of them.
 * `_missing` is also what is there but cannot be read.
 */
export type VerifyFailure =
  | 'timestamp_missing'
  | 'timestamp_out_of_tolerance'
  | 'signature_missing'
  | 'signature_mismatch'

/** The candidate that signed, or why none did. */
export type VerifyResult<Key> =
  | { readonly ok: true; readonly key: Key }
  | { readonly ok: false; readonly failure: VerifyFailure }

/** Signatures of a request that can be read. */
export interface ReceivedSignatures {
  /** HMAC-SHA256, 32 bytes each. */
  readonly v1: readonly Buffer[]
  /** ed25519, 64 bytes each. */
  readonly v1a: readonly Buffer[]
}

// `version,base64` of exactly 32 and 64 bytes, in the one spelling that base64 has for them.
// Anything else, versions that we do not know included, is skipped, as Standard Webhooks asks.
const SIGNATURE_PATTERN =
  /^(?:v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=|v1a,[A-Za-z0-9+/]{85}[AQgw]==)$/

function parseSignatures(header: string): ReceivedSignatures {
  const entries = header.length > LIMITS.maxSignatureChars ? [] : header.split(' ')
  const known = [...new Set(entries.filter((entry) => SIGNATURE_PATTERN.test(entry)))]
  const decode = (prefix: string) =>
    known
      .slice(0, LIMITS.maxSignatures)
      .filter((entry) => entry.startsWith(prefix))
      .map((entry) => Buffer.from(entry.slice(prefix.length), 'base64'))
  return { v1: decode('v1,'), v1a: decode('v1a,') }
}

/** What a request says of itself, read and in time: all that is known before its body is there. */
export interface Claim {
  /** What is signed before the body. */
  readonly prefix: Buffer
  readonly signatures: ReceivedSignatures
}

export type ClaimResult =
  | { readonly ok: true; readonly claim: Claim }
  | { readonly ok: false; readonly failure: VerifyFailure }

/**
 * Reads what does not need the body; what fails here would fail with every key. A header of more
 * than 1,024 characters is not read, nor is a signature after the eighth.
 */
export function readClaim(input: Omit<VerifyInput, 'body'>): ClaimResult {
  const { timestamp, signature } = input
  if (timestamp === undefined || !TIMESTAMP_HEADER_PATTERN.test(timestamp)) {
    return { ok: false, failure: 'timestamp_missing' }
  }
  // Whole seconds, as the official libraries count them.
  if (Math.abs(Math.floor(input.nowMs / 1000) - Number(timestamp)) > TIMESTAMP_TOLERANCE_SECONDS) {
    return { ok: false, failure: 'timestamp_out_of_tolerance' }
  }
  const signatures = parseSignatures(signature ?? '')
  if (signatures.v1.length + signatures.v1a.length === 0) {
    return { ok: false, failure: 'signature_missing' }
  }
  // With a `.` in the id one signature is good for two requests: `a.1` at 2 with `b`, and `a` at 1
  // with `2.b`.
  if (!WEBHOOK_ID_PATTERN.test(input.id)) return { ok: false, failure: 'signature_mismatch' }
  return { ok: true, claim: { prefix: signedPrefix(input.id, timestamp), signatures } }
}

/** How often the body is read to try `key`. */
export function passesOf({ signatures: { v1, v1a } }: Claim, { kind }: VerificationKey): number {
  if (kind === 'ed25519') return v1a.length
  return v1.length === 0 ? 0 : 1
}

/** Runs `build` when the result is first asked for, and never again. */
function once<T>(build: () => T): () => T {
  let built: { readonly value: T } | undefined
  return () => {
    built ??= { value: build() }
    return built.value
  }
}

/**
 * Tells of a key whether it signed the body as received; never throws. Constant time in the
 * comparison.
 * @returns the check, which takes {@link passesOf} passes over the body.
 */
export function signatureCheck(
  { prefix, signatures: { v1, v1a } }: Claim,
  body: Uint8Array,
): (key: VerificationKey) => boolean {
  const content = once(() => Buffer.concat([prefix, body]))
  return (key) => {
    switch (key.kind) {
      case 'hmac': {
        if (v1.length === 0) return false
        const mac = createHmac('sha256', key.secret).update(prefix).update(body).digest()
        return v1.some((signature) => timingSafeEqual(signature, mac))
      }
      case 'ed25519':
        return v1a.some((signature) => cryptoVerify(null, content(), key.publicKey, signature))
      default:
        return key satisfies never
    }
  }
}

/**
 * Verifies the raw bytes against every candidate and returns the first candidate that signed them;
 * never throws. All candidates are tried, so the time does not say which key came close.
 *
 * @param candidates keys of all sources that are active now; `key` is what verifies, the rest is
 * the caller's.
 */
export function verify<Candidate extends { readonly key: VerificationKey }>(
  input: VerifyInput,
  candidates: readonly Candidate[],
): VerifyResult<Candidate> {
  const read = readClaim(input)
  if (!read.ok) return read
  const isSignedBy = signatureCheck(read.claim, input.body)
  const [signer] = candidates.filter(({ key }) => isSignedBy(key))
  return signer === undefined
    ? { ok: false, failure: 'signature_mismatch' }
    : { ok: true, key: signer }
}
