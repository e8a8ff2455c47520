import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LIMITS, parseTraceparent, TRACEPARENT, type TraceParent } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type pg from 'pg'
import type { RateLimitHeaders } from '../admission/key-quotas.ts'
import type { RequestShare } from '../admission/request-budget.ts'
import { decompress } from '../decode/decompress.ts'
import { type BatchHead, readHead } from '../http/read-head.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { ContractLocks } from '../metrics/contract-locks.ts'
import type { IngestMetrics } from '../metrics/ingest-metrics.ts'
import { Refusal } from '../refusal/refusal.ts'
import { ledgerId } from '../store/ledger-id.ts'
import { type StoredBatch, storeBatch } from '../store/store-batch.ts'
import { findDatasetRules } from '../validate/dataset-rules.ts'
import { assertServed } from './dataset-life.ts'
import { type OpenedBatch, openBatch } from './open-batch.ts'
import { readVerified, type Verifying } from './read-verified.ts'
import { traceBatch } from './trace-batch.ts'
import { assertMayWrite, assertOwnSource } from './verify-batch.ts'

/** What receiving a batch needs. */
export interface Receiving extends Verifying {
  readonly pool: pg.Pool
  readonly metrics: IngestMetrics
  readonly locks: ContractLocks
}

/** A batch that is in HQ, and what its caller is told beside the answer. */
export interface ReceivedBatch extends StoredBatch {
  readonly dataset: string
  readonly strict: boolean
  readonly rateLimit: RateLimitHeaders
}

/** A batch that is stored, and what of. */
type StoredRows = StoredBatch & Pick<ReceivedBatch, 'dataset'>

/** A request whose signature is good: only now it may cost more than its own bytes. */
interface VerifiedBatch {
  readonly head: BatchHead
  readonly wire: Buffer
  readonly key: IngestKey
  readonly share: RequestShare
  readonly callerTrace: TraceParent | undefined
}

/** Where nothing traces here, the ledger keeps what the caller sent. */
function callerTraceOf(request: IncomingMessage): TraceParent | undefined {
  const traceparent = request.headers[TRACEPARENT]
  return typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined
}

/** Decompresses into the room that the process has for it. */
async function unpack({ head, wire, share }: VerifiedBatch): Promise<Buffer> {
  if (head.encoding !== 'identity') share.resize(wire.length + LIMITS.maxDecodedBytes)
  const body = await inStep('decompress', () =>
    decompress(wire, head.encoding, LIMITS.maxDecodedBytes),
  )
  share.resize(wire.length + body.length)
  return body
}

async function storeOpened(
  batch: OpenedBatch,
  body: Buffer,
  { head, wire, key, callerTrace }: VerifiedBatch,
  { pool, keys, metrics }: Receiving,
): Promise<StoredRows> {
  const { head: envelope, capturedAt } = batch
  assertOwnSource(envelope.source, key)
  keys.noteUse(key, head.lock)
  assertMayWrite(envelope.dataset, key)
  assertServed(envelope.dataset)
  if (findDatasetRules(envelope.dataset, envelope.schema_version) === undefined) {
    throw new Refusal('unknown_dataset')
  }

  const begin = performance.now()
  const stored = await traceBatch(batch, head.id, async (span) => {
    await inStep('validate', async () => batch.prepared ?? batch.read())
    const entry = {
      source: envelope.source,
      batch: ledgerId(head.id, key),
      fingerprint: hash('sha256', body, 'buffer'),
      dataset: envelope.dataset,
      schemaVersion: envelope.schema_version,
      epoch: envelope.epoch,
      keyId: key.id,
      trace: span?.spanContext() ?? callerTrace,
      wireBytes: wire.length,
      decodedBytes: body.length,
      orgId: key.orgs?.size === 1 ? [...key.orgs][0] : undefined,
    }
    return storeBatch(pool, entry, batch, head)
  })
  metrics.decided({
    dataset: envelope.dataset,
    capturedAt,
    ...stored,
    wireBytes: wire.length,
    decodedBytes: body.length,
    seconds: (performance.now() - begin) / 1000,
  })
  return { ...stored, dataset: envelope.dataset }
}

async function storeBody(
  body: Buffer,
  verified: VerifiedBatch,
  receiving: Receiving,
): Promise<StoredRows> {
  using batch = await inStep('decode', () => openBatch(body, verified.key))
  return await storeOpened(batch, body, verified, receiving)
}

async function storeVerified(verified: VerifiedBatch, receiving: Receiving): Promise<StoredRows> {
  const body = await unpack(verified)
  try {
    return await storeBody(body, verified, receiving)
  } finally {
    if (verified.head.encoding !== 'identity') freeMemory(body)
  }
}

/**
 * The way of a batch, in order: admit, read, verify, decompress, decode, validate, store. Nothing
 * is decompressed or parsed that was not signed; nothing is written before all of it is read.
 * Before the signature is known to be good a request is one of the strangers, who have a room of
 * their own. From then on its key pays.
 * @throws {Refusal} of whichever step refuses the request.
 */
export async function receiveBatch(
  request: IncomingMessage,
  response: ServerResponse,
  receiving: Receiving,
): Promise<ReceivedBatch> {
  const { admission, metrics, now } = receiving
  const { budget, quotas, bulkhead } = admission
  admission.admit()
  const head = readHead(request)
  budget.assertRoom()
  const { wire, key } = await readVerified(head, request, response, receiving, LIMITS.maxWireBytes)
  using share = budget.enter(wire.length)
  metrics.verified(key.id)
  receiving.locks.note(head.lock, key)
  const rateLimit = quotas.charge(key, wire.length, now())
  const verified = { head, wire, key, share, callerTrace: callerTraceOf(request) }
  const stored = await bulkhead.run(key.id, () => storeVerified(verified, receiving))
  return { ...stored, strict: head.strict, rateLimit }
}
