import { LIMITS, TIMESTAMP_TOLERANCE_SECONDS } from '@hq-export/contract'

/**
 * What one gateway process takes at once, and how long it waits; what a batch may be is in the
 * contract.
 */
export interface GatewayLimits {
  /** From the first byte of a request to the last of its headers. */
  readonly headersTimeoutMs: number
  /** From the first look at a body to its last byte. */
  readonly bodyTimeoutMs: number
  /** Between two pieces of a body. */
  readonly bodyIdleTimeoutMs: number
  /**
   * Open connections. Where there are more, the oldest that no key has proven itself on makes room.
   */
  readonly maxConnections: number
  /**
   * Requests at once whose signature is not known to be good; the slowest makes room for the next.
   */
  readonly maxStrangers: number
  /** Bytes that have arrived of their bodies. */
  readonly maxStrangerBytes: number
  /** Verified batches under way. */
  readonly maxRequests: number
  /** Bytes of their bodies held at once. */
  readonly maxHeldBytes: number
  /** Sessions with HQ. */
  readonly maxSessions: number
  /** Verified batches of one key under way, waiting ones included. */
  readonly maxRequestsPerKey: number
  /** How long a verified batch waits for the others of its key, and then for a session. */
  readonly maxWaitMs: number
  /** Batches that wait for a session with HQ. */
  readonly maxSessionWaiters: number
  /** Verified requests that compare under way; they take no place of a batch. */
  readonly maxCompares: number
  /** Bytes of their bodies held at once. */
  readonly maxCompareBytes: number
  /** Sessions with HQ of requests that compare. */
  readonly maxCompareSessions: number
  /** Verified requests that compare, of one key, waiting ones included; one is worked on. */
  readonly maxComparesPerKey: number
  /** Median lateness of the event loop over about a second. */
  readonly maxEventLoopDelayMs: number
}

/** Far above what relays ask for, each of which has a few batches in flight. */
export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 10_000,
  maxConnections: 1_000,
  maxStrangers: 256,
  maxStrangerBytes: 128 * 1024 * 1024,
  maxRequests: 64,
  maxHeldBytes: 256 * 1024 * 1024,
  maxSessions: 8,
  maxRequestsPerKey: 32,
  maxWaitMs: 5_000,
  maxSessionWaiters: 32,
  maxCompares: 16,
  maxCompareBytes: 64 * 1024 * 1024,
  maxCompareSessions: 2,
  maxComparesPerKey: 4,
  maxEventLoopDelayMs: 500,
}

/**
 * Sessions that one key leaves to the others, so that a key whose batches hang stops nobody else.
 */
const SESSIONS_FOR_OTHERS = 2

/** Verified batches of one key that are worked on at once; the others of the key wait. */
export function maxActivePerKey({ maxSessions }: Pick<GatewayLimits, 'maxSessions'>): number {
  return Math.max(1, maxSessions - SESSIONS_FOR_OTHERS)
}

/** Every limit as `GET /v1/limits` tells it: the very values that are enforced. */
export function describeLimits(limits: GatewayLimits): Record<string, number> {
  return {
    ...LIMITS,
    timestampToleranceSeconds: TIMESTAMP_TOLERANCE_SECONDS,
    ...limits,
    maxActivePerKey: maxActivePerKey(limits),
  }
}
