import { setImmediate as nextTurn } from 'node:timers/promises'
import { LIMITS } from '@hq-export/contract'
import { type DecodedBatch, decode } from '../decode/decode.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import { type ScannedBatch, scanBatch } from '../row-scan/scan-batch.ts'
import type { IncomingBatch, ReadBatch } from '../store/incoming-batch.ts'
import { findDatasetRules } from '../validate/dataset-rules.ts'
import { validate } from '../validate/validate.ts'

/** A body whose envelope is good; disposed of when its rows are in HQ. */
export type OpenedBatch = IncomingBatch & Disposable

/** Reads a batch the careful way, once, however often it is asked for. */
function readOnce(
  decodeBody: () => DecodedBatch,
  key: Pick<IngestKey, 'orgs'>,
): () => Promise<ReadBatch> {
  let reading: Promise<ReadBatch> | undefined
  async function read(): Promise<ReadBatch> {
    const batch = decodeBody()
    const { dataset, schema_version: version } = batch.envelope
    const rules = findDatasetRules(dataset, version)
    if (rules === undefined) throw new RangeError(`there are no rules for ${dataset} ${version}`)
    return { batch, rows: await validate(batch, rules, key, LIMITS.maxRowBytes) }
  }
  return () => {
    reading ??= read()
    return reading
  }
}

function openScanned(
  { head, rows }: ScannedBatch,
  body: Buffer,
  key: Pick<IngestKey, 'orgs'>,
): OpenedBatch {
  return {
    head,
    rowCount: rows.count,
    capturedAt: rows.capturedAt(),
    traceparents: () => rows.traceparents(),
    prepared: rows,
    read: readOnce(() => decode(body, LIMITS.maxRows), key),
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  }
}

function openDecoded(batch: DecodedBatch, key: Pick<IngestKey, 'orgs'>): OpenedBatch {
  const { rows, ...head } = batch.envelope
  return {
    head,
    rowCount: rows.length,
    capturedAt: [rows[0]?.captured_at ?? '', rows.at(-1)?.captured_at ?? ''],
    traceparents: () =>
      rows.map(({ traceparent }) => traceparent).filter((origin) => origin !== undefined),
    prepared: undefined,
    read: readOnce(() => batch, key),
    [Symbol.dispose]: () => {},
  }
}

/** A body with so few rows that they are read one by one on their way into HQ anyway. */
const SMALL_BYTES = 16 * 1024
/** Others get their turn between the two ways, where the first one took so long. */
const TURN_MS = 5

/**
 * Reads a decoded body in one pass, or, where that does not know everything in it, as JSON.
 * @param body must stay as it is while the batch is in use.
 * @throws {Refusal} `invalid_envelope` (400), or `too_large` (413).
 */
export async function openBatch(body: Buffer, key: Pick<IngestKey, 'orgs'>): Promise<OpenedBatch> {
  if (body.length <= SMALL_BYTES) return openDecoded(decode(body, LIMITS.maxRows), key)
  const begin = performance.now()
  const scanned = await scanBatch(body, key)
  if (scanned !== undefined) return openScanned(scanned, body, key)
  if (performance.now() - begin > TURN_MS) await nextTurn()
  return openDecoded(decode(body, LIMITS.maxRows), key)
}
