import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { LIMITS, parseTraceparent, TRACEPARENT, type TraceParent } from '@hq-export/contract'
import type pg from 'pg'
import type { IngestKey } from '../ingest-key.ts'
import type { IngestMetrics } from '../metrics/ingest-metrics.ts'
import { Refusal } from '../refusal.ts'
import { traceBatch } from '../trace-batch.ts'
import { type Admission, admit } from './admit.ts'
import { findDatasetRules } from './dataset-rules.ts'
import { decode } from './decode.ts'
import { decompress } from './decompress.ts'
import { lazyRowSpans } from './lazy-row-spans.ts'
import { readBody } from './read-body.ts'
import { readHead } from './read-head.ts'
import { type StoredBatch, storeBatch } from './store-batch.ts'
import { validate } from './validate.ts'
import { assertOwnSource, verifyBatch } from './verify-batch.ts'

/** What receiving a batch needs. */
export interface Receiving {
  readonly pool: pg.Pool
  readonly keys: readonly IngestKey[]
  readonly admission: Readonly<Admission>
  /** Clock of `webhook-timestamp`, in milliseconds since the epoch. */
  readonly now: () => number
  readonly bodyTimeoutMs: number
  readonly metrics: IngestMetrics
}

/** Where nothing traces here, the ledger keeps what the caller sent. */
function callerTrace(request: IncomingMessage): TraceParent | undefined {
  const traceparent = request.headers[TRACEPARENT]
  return typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined
}

/**
 * The way of a batch, in order (design 6): admit, read, verify, decompress, decode, validate, store. Nothing is
 * decompressed or parsed that was not signed; nothing is written before all of it is read.
 * @throws {Refusal} of whichever step refuses the request.
 */
export async function receiveBatch(
  request: IncomingMessage,
  receiving: Receiving,
): Promise<StoredBatch> {
  const { pool, keys, admission, now, bodyTimeoutMs, metrics } = receiving
  admit(admission)
  const head = readHead(request)
  const wire = await readBody(request, { maxBytes: LIMITS.maxWireBytes, timeoutMs: bodyTimeoutMs })
  const key = verifyBatch(head, wire, keys, now())
  metrics.verified(key.id)
  const body = await decompress(wire, head.encoding, LIMITS.maxDecodedBytes)
  const batch = decode(body, LIMITS.maxRows)
  const { envelope, text } = batch
  assertOwnSource(envelope.source, key)
  const rules = findDatasetRules(envelope.dataset, envelope.schema_version)
  if (rules === undefined) throw new Refusal('unknown_dataset')

  const begin = performance.now()
  const stored = await traceBatch(envelope, head.id, async (span) => {
    const rowSpans = lazyRowSpans(text)
    const rows = validate(batch, rules, key, { rowSpans, maxRowBytes: LIMITS.maxRowBytes })
    const entry = {
      source: envelope.source,
      batch: head.id,
      fingerprint: hash('sha256', body, 'buffer'),
      dataset: envelope.dataset,
      schemaVersion: envelope.schema_version,
      epoch: envelope.epoch,
      keyId: key.id,
      trace: span?.spanContext() ?? callerTrace(request),
      wireBytes: wire.length,
      decodedBytes: body.length,
    }
    return storeBatch(pool, entry, batch, rows, rowSpans)
  })
  metrics.decided({
    envelope,
    ...stored,
    wireBytes: wire.length,
    decodedBytes: body.length,
    seconds: (performance.now() - begin) / 1000,
  })
  return stored
}
