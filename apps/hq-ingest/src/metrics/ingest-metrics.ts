import { type BatchResult, OUTCOMES, type ProblemCode } from '@hq-export/contract'
import { createNoopMeter, type Meter } from '@opentelemetry/api'

/** With which contract a batch was written: this build's, a released one's, another, or none said. */
export type LockKind = 'current' | 'released' | 'unknown' | 'none'

/** Buckets that the semantic conventions for HTTP advise. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const COMPARISON_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60]
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 1800, 7200]
const ROWS = [1, 10, 50, 100, 250, 500, 1000, 2000, 5000]
const BYTES = [1e3, 1e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6, 16e6]

/** A request as HTTP sees it. */
export interface MeasuredRequest {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly seconds: number
}

/** A batch that was decided. */
export interface MeasuredBatch {
  readonly dataset: string
  /** When the first and the last of its rows were captured. */
  readonly capturedAt: readonly [first: string, last: string]
  readonly answer: BatchResult
  readonly replayed: boolean
  readonly wireBytes: number
  readonly decodedBytes: number
  /** From the decoded body to the commit. */
  readonly seconds: number
}

/** A request that compares. */
export interface MeasuredComparison {
  readonly route: string
  /** A problem code where it was refused. */
  readonly outcome: ProblemCode | 'answered'
  readonly seconds: number
}

/**
 * What the gateway counts while it works. Labels are bounded sets: datasets, outcomes, codes, key
 * ids, routes.
 */
export interface IngestMetrics {
  readonly requestBegan: (method: string) => void
  readonly requestEnded: (request: MeasuredRequest) => void
  /** A signature was accepted under this key: tells whether an old key is still in use. */
  readonly verified: (keyId: string) => void
  /** With which contract the sender was built. */
  readonly locked: (kind: LockKind) => void
  readonly decided: (batch: MeasuredBatch) => void
  readonly refused: (code: ProblemCode) => void
  readonly compared: (comparison: MeasuredComparison) => void
  /** Rows of HQ that a comparison has read. */
  readonly rowsCompared: (dataset: string, rows: number) => void
}

/**
 * Age of the oldest row, in seconds; rows of a batch come in the order of their capture, near
 * enough.
 */
function lagOf([first, last]: MeasuredBatch['capturedAt'], now: number): number {
  const oldest = Math.min(Date.parse(first), Date.parse(last))
  return Math.max(0, now - oldest) / 1000
}

/** How the ledger met a batch, where a refusal says so. */
const IDEMPOTENCY_REFUSALS: Partial<Record<ProblemCode, string>> = {
  in_flight: 'in_flight',
  webhook_id_reused: 'mismatch',
}
/** Refusals before work, by what was short. */
const ADMISSION_REFUSALS: Partial<Record<ProblemCode, string>> = {
  quota_exceeded: '429',
  at_capacity: '503',
  draining: '503',
}

/**
 * Creates the instruments; names by the semantic conventions for HTTP and messaging where they have
 * one, else `hq.ingest.*`.
 */
export function createIngestMetrics(meter: Meter, now: () => number = Date.now): IngestMetrics {
  const duration = meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'requests by method, route and status',
    advice: { explicitBucketBoundaries: SECONDS },
  })
  const active = meter.createUpDownCounter('http.server.active_requests', {
    unit: '{request}',
    description: 'requests under way',
  })
  const bodySize = meter.createHistogram('http.server.request.body.size', {
    unit: 'By',
    description: 'bytes of a batch on the wire',
    advice: { explicitBucketBoundaries: BYTES },
  })
  const processing = meter.createHistogram('messaging.process.duration', {
    unit: 's',
    description: 'from the decoded batch to its commit',
    advice: { explicitBucketBoundaries: SECONDS },
  })
  const locks = meter.createCounter('hq.ingest.contract.batches', {
    unit: '{batch}',
    description: 'signed batches by the contract that their sender was built with',
  })
  const consumed = meter.createCounter('messaging.client.consumed.messages', {
    unit: '{message}',
    description: 'rows received in batches that were decided',
  })
  const rows = meter.createCounter('hq.ingest.rows', {
    unit: '{row}',
    description: 'rows by what became of them',
  })
  const batchRows = meter.createHistogram('hq.ingest.batch.rows', {
    unit: '{row}',
    description: 'rows of a batch',
    advice: { explicitBucketBoundaries: ROWS },
  })
  const batchSize = meter.createHistogram('hq.ingest.batch.size', {
    unit: 'By',
    description: 'bytes of a decoded batch',
    advice: { explicitBucketBoundaries: BYTES },
  })
  const lag = meter.createHistogram('hq.ingest.lag', {
    unit: 's',
    description: "from the capture of a batch's oldest row to its commit in HQ, on two clocks",
    advice: { explicitBucketBoundaries: LAG_SECONDS },
  })
  const idempotency = meter.createCounter('hq.ingest.idempotency', {
    unit: '{batch}',
    description: 'batches by how the ledger met their id',
  })
  const admission = meter.createCounter('hq.ingest.admission', {
    unit: '{request}',
    description: 'requests by whether there was room for them',
  })
  const refusals = meter.createCounter('hq.ingest.refusals', {
    unit: '{request}',
    description: 'requests refused as a whole, by problem code',
  })
  const verified = meter.createCounter('hq.ingest.signature.verified', {
    unit: '{request}',
    description: 'accepted signatures by key',
  })
  const comparisons = meter.createHistogram('hq.ingest.comparison.duration', {
    unit: 's',
    description: 'requests that compare, by path and what became of them',
    advice: { explicitBucketBoundaries: COMPARISON_SECONDS },
  })
  const comparedRows = meter.createCounter('hq.ingest.comparison.rows', {
    unit: '{row}',
    description: 'rows that comparisons have read',
  })
  return {
    requestBegan(method) {
      active.add(1, { 'http.request.method': method, 'url.scheme': 'http' })
    },
    requestEnded({ method, route, status, seconds }) {
      active.add(-1, { 'http.request.method': method, 'url.scheme': 'http' })
      duration.record(seconds, {
        'http.request.method': method,
        'url.scheme': 'http',
        'http.route': route,
        'http.response.status_code': status,
        ...(status >= 500 && { 'error.type': String(status) }),
      })
    },
    verified(keyId) {
      verified.add(1, { key_id: keyId })
    },
    locked(kind) {
      locks.add(1, { lock: kind })
    },
    decided({ dataset, capturedAt, answer, replayed, wireBytes, decodedBytes, seconds }) {
      const messaging = {
        'messaging.system': 'hq_outbox',
        'messaging.operation.name': 'process',
        'messaging.destination.name': dataset,
      }
      admission.add(1, { result: 'admitted', reason: 'none' })
      idempotency.add(1, { result: replayed ? 'replayed' : 'new' })
      bodySize.record(wireBytes)
      processing.record(seconds, { ...messaging, 'messaging.operation.type': 'process' })
      if (replayed) return
      consumed.add(answer.counts.received, messaging)
      for (const outcome of OUTCOMES) {
        if (answer.counts[outcome] > 0) rows.add(answer.counts[outcome], { dataset, outcome })
      }
      batchRows.record(answer.counts.received, { dataset })
      batchSize.record(decodedBytes, { dataset })
      lag.record(lagOf(capturedAt, now()), { dataset })
    },
    refused(code) {
      refusals.add(1, { code })
      const shortage = ADMISSION_REFUSALS[code]
      if (shortage !== undefined) admission.add(1, { result: shortage, reason: code })
      const met = IDEMPOTENCY_REFUSALS[code]
      if (met !== undefined) idempotency.add(1, { result: met })
    },
    compared({ route, outcome, seconds }) {
      comparisons.record(seconds, { 'http.route': route, outcome })
    },
    rowsCompared(dataset, rows) {
      comparedRows.add(rows, { dataset })
    },
  }
}

/** Measures nothing; for whoever has no meter. */
export const NO_METRICS: IngestMetrics = createIngestMetrics(createNoopMeter())
