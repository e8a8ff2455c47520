import { atCapacity } from '../refusal/at-capacity.ts'
import { Refusal } from '../refusal/refusal.ts'
import { Bulkhead } from './bulkhead.ts'
import { Connections } from './connections.ts'
import { type GatewayLimits, maxActivePerKey } from './gateway-limits.ts'
import { KeyQuotas } from './key-quotas.ts'
import { RequestBudget } from './request-budget.ts'
import { Strangers } from './strangers.ts'
import { VerificationBudget } from './verification-budget.ts'

/** What tells that the process cannot keep up. */
export interface LoadSignals {
  /** How late the event loop runs. */
  readonly eventLoopDelayMs: () => number
  /** Batches that wait for a session with HQ. */
  readonly sessionWaiters: () => number
}

/**
 * `leaving`: says so, takes batches still, so that none is lost on its way here. `closed`: takes no
 * more.
 */
export type Phase = 'serving' | 'leaving' | 'closed'

/** What the gateway is able to do now; the server owns it, every request passes it. */
export class Admission {
  readonly limits: GatewayLimits
  readonly connections: Connections
  readonly strangers: Strangers
  readonly verification = new VerificationBudget()
  /** Of verified requests alone. */
  readonly budget: RequestBudget
  readonly bulkhead: Bulkhead
  /** Of requests that compare: they take no place of a batch, and no byte. */
  readonly compares: { readonly budget: RequestBudget; readonly bulkhead: Bulkhead }
  readonly quotas = new KeyQuotas()
  readonly #signals: LoadSignals
  /** The database has been seen with exactly this build's migrations. */
  migrated = false
  phase: Phase = 'serving'

  constructor(limits: GatewayLimits, signals: LoadSignals) {
    const { maxRequests, maxHeldBytes, maxRequestsPerKey, maxWaitMs } = limits
    this.limits = limits
    this.#signals = signals
    this.connections = new Connections(limits.maxConnections)
    this.strangers = new Strangers(limits)
    this.budget = new RequestBudget(maxRequests, maxHeldBytes)
    this.bulkhead = new Bulkhead({
      maxActive: maxActivePerKey(limits),
      maxRequests: maxRequestsPerKey,
      maxWaitMs,
    })
    this.compares = {
      budget: new RequestBudget(limits.maxCompares, limits.maxCompareBytes),
      bulkhead: new Bulkhead({
        maxActive: 1,
        maxRequests: limits.maxComparesPerKey,
        maxWaitMs,
      }),
    }
  }

  /**
   * First gate: refuses before a byte of the body is read, the newest first.
   * @throws {Refusal} `draining`, `database_unavailable` or `at_capacity`, all 503.
   */
  admit(): void {
    if (this.phase === 'closed') throw new Refusal('draining')
    if (!this.migrated) throw new Refusal('database_unavailable')
    const { maxEventLoopDelayMs, maxSessionWaiters } = this.limits
    if (this.#signals.eventLoopDelayMs() > maxEventLoopDelayMs) {
      throw atCapacity('the gateway runs late')
    }
    if (this.#signals.sessionWaiters() > maxSessionWaiters) {
      throw atCapacity('too many batches wait for HQ')
    }
  }
}
