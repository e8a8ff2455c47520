import { contractLockSha256, knownLocks } from '@hq-export/contract/lock/current-lock.ts'
import type { Logger } from 'pino'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { IngestMetrics, LockKind } from './ingest-metrics.ts'

/** Unknown ones that are remembered as reported; whoever has a key may send any. */
const MAX_REPORTED = 100

function kindOf(lock: string | undefined): LockKind {
  if (lock === undefined) return 'none'
  if (lock === contractLockSha256()) return 'current'
  return knownLocks().has(lock) ? 'released' : 'unknown'
}

/**
 * Counts batches by the contract that their sender was built with, and reports one that nobody has
 * released: somebody has deployed a contract that is not frozen, or a newer one than the gateway's.
 */
export class ContractLocks {
  readonly #metrics: Pick<IngestMetrics, 'locked'>
  readonly #log: Logger
  readonly #reported = new Set<string>()

  constructor(metrics: Pick<IngestMetrics, 'locked'>, log: Logger) {
    this.#metrics = metrics
    this.#log = log
  }

  note(lock: string | undefined, { id, source }: Pick<IngestKey, 'id' | 'source'>): void {
    const kind = kindOf(lock)
    this.#metrics.locked(kind)
    if (kind !== 'unknown' || lock === undefined || this.#reported.has(lock)) return
    if (this.#reported.size >= MAX_REPORTED) return
    this.#reported.add(lock)
    this.#log.warn(
      { lock, keyId: id, source },
      'batches of a contract that this gateway does not know: neither its own nor a release before it',
    )
  }
}
