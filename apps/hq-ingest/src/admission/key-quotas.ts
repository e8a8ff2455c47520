import type { KeyQuota } from '../keys/ingest-key.ts'
import { Refusal } from '../refusal/refusal.ts'
import { TokenBucket } from './token-bucket.ts'

/** A key as far as its quota goes. */
export interface LimitedKey {
  readonly id: string
  readonly quota?: KeyQuota | undefined
}

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), empty where the key
 * has no quota.
 */
export type RateLimitHeaders = Readonly<Record<string, string>>

interface Policy {
  readonly name: 'requests' | 'bytes'
  readonly bucket: TokenBucket
}

interface Account {
  readonly quota: KeyQuota
  readonly policies: readonly Policy[]
}

const WINDOW_SECONDS = 60
const MS_PER_SECOND = 1_000
/**
 * Share of the wait that is added at random, so that the callers of a key do not return together.
 */
const JITTER = 0.2

function headersOf(policies: readonly Policy[], nowMs: number): RateLimitHeaders {
  const limits: string[] = []
  const states: string[] = []
  for (const { name, bucket } of policies) {
    const { remaining } = bucket.look(0, nowMs)
    const unit = name === 'bytes' ? ';qu="content-bytes"' : ''
    limits.push(`"${name}";q=${bucket.capacity};w=${WINDOW_SECONDS}${unit}`)
    const reset = Math.ceil(bucket.fullInMs / MS_PER_SECOND)
    states.push(`"${name}";r=${Math.floor(remaining)};t=${reset}`)
  }
  return { 'ratelimit-policy': limits.join(', '), ratelimit: states.join(', ') }
}

/**
 * Token buckets of the keys that have a quota, in this process. Keys are verified ones, so there
 * are few.
 */
export class KeyQuotas {
  readonly #accounts = new Map<string, Account>()
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /**
   * Charges a verified request to its key; one that is refused costs nothing.
   * @throws {Refusal} `quota_exceeded` (429).
   */
  charge(key: LimitedKey, wireBytes: number, nowMs: number): RateLimitHeaders {
    const { policies } = this.#accountOf(key, nowMs)
    if (policies.length === 0) return {}
    const costs = { requests: 1, bytes: wireBytes }
    const violated: string[] = []
    let waitMs = 0
    for (const { name, bucket } of policies) {
      const state = bucket.look(costs[name], nowMs)
      if (state.isAllowed) continue
      violated.push(name)
      waitMs = Math.max(waitMs, state.waitMs)
    }
    if (violated.length > 0) throw this.#exceeded(violated, waitMs, headersOf(policies, nowMs))
    for (const { name, bucket } of policies) bucket.take(costs[name])
    return headersOf(policies, nowMs)
  }

  #exceeded(violated: readonly string[], waitMs: number, headers: RateLimitHeaders): Refusal {
    const seconds = Math.ceil((waitMs * (1 + this.#random() * JITTER)) / MS_PER_SECOND)
    return new Refusal(
      'quota_exceeded',
      `the quota of this key is used up: ${violated.join(', ')}`,
      {
        headers: { ...headers, 'retry-after': String(Math.max(1, seconds)) },
        members: { 'violated-policies': [...violated] },
      },
    )
  }

  #accountOf({ id, quota = {} }: LimitedKey, nowMs: number): Account {
    const { requestsPerMinute, bytesPerMinute } = quota
    const known = this.#accounts.get(id)
    if (
      known?.quota.requestsPerMinute === requestsPerMinute &&
      known?.quota.bytesPerMinute === bytesPerMinute
    ) {
      return known ?? { quota, policies: [] }
    }
    const policies: Policy[] = []
    const windowMs = WINDOW_SECONDS * MS_PER_SECOND
    if (requestsPerMinute !== undefined) {
      const bucket = new TokenBucket(requestsPerMinute, windowMs, nowMs)
      policies.push({ name: 'requests', bucket })
    }
    if (bytesPerMinute !== undefined) {
      const bucket = new TokenBucket(bytesPerMinute, windowMs, nowMs)
      policies.push({ name: 'bytes', bucket })
    }
    // A quota that was changed or taken away begins anew.
    const account = { quota, policies }
    this.#accounts.set(id, account)
    return account
  }
}
