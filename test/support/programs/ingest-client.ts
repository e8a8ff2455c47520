import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import {
  BATCHES_PATH,
  type BatchResult,
  batchResultSchema,
  columnOf,
  type Dataset,
  type DatasetName,
  datasetByName,
  type Envelope,
  type EnvelopeRow,
  type Problem,
  parseSigningKey,
  problemSchema,
  sign,
} from '@hq-export/contract'
import { IngestServer, type IngestServerOptions } from '@hq-export/hq-ingest/ingest-server.ts'
import { type IngestKey, parseIngestKey } from '@hq-export/hq-ingest/keys/ingest-key.ts'
import { createSilentLogger } from '@hq-export/hq-ingest/process/log.ts'

/** Source and secret of every test that does not care. */
export const SOURCE = 'data-engine-x'
export const SECRET = `whsec_${randomBytes(32).toString('base64')}`
const MS_PER_SECOND = 1000

type Row = Record<string, unknown>

/** A gateway on a free port, stopped with `await using`. */
export interface TestGateway extends AsyncDisposable {
  readonly url: string
  readonly server: IngestServer
}

export function ingestKey(
  options: { secret?: string; source?: string; orgs?: string[] } = {},
): IngestKey {
  const { secret = SECRET, source = SOURCE, orgs } = options
  return parseIngestKey(`${source}=${secret}${orgs === undefined ? '' : `;orgs=${orgs.join(',')}`}`)
}

export async function startGateway(
  databaseUrl: string,
  options: Partial<IngestServerOptions> = {},
): Promise<TestGateway> {
  const server = new IngestServer({
    databaseUrl,
    keys: [ingestKey()],
    host: '127.0.0.1',
    port: 0,
    log: createSilentLogger(),
    drainTimeoutMs: 2_000,
    ...options,
  })
  const url = await server.start()
  return { url, server, [Symbol.asyncDispose]: () => server.stop() }
}

function sampleValue(dataset: Dataset, name: string): unknown {
  const column = columnOf(dataset, name)
  if (column.values !== undefined) return column.values[0]
  if (column.nullable) return null
  switch (column.type) {
    case 'text':
      return `some ${name}`
    case 'uuid':
      return randomUUID()
    case 'int4':
      return 1
    case 'int8':
      return '1'
    case 'numeric':
      return '1.50'
    case 'boolean':
      return true
    case 'timestamptz':
      return '2026-01-02T03:04:05.678901+00:00'
    case 'jsonb':
      return '{"amount": 1.10}'
  }
}

/** A valid row: random ids, NULL where the contract allows it, `values` on top. */
export function buildRow(datasetName: DatasetName, values: Row = {}): Row {
  const dataset = datasetByName(datasetName)
  const row = Object.fromEntries(
    dataset.columns.map(({ name }) => [name, sampleValue(dataset, name)]),
  )
  return { ...row, ...values }
}

export function envelopeRow(row: Row, beside: Partial<EnvelopeRow> = {}): EnvelopeRow {
  return { row, xid: '4242', captured_at: '2026-01-02T03:04:06.000001+00:00', ...beside }
}

export function buildEnvelope(
  dataset: string,
  rows: readonly (Row | EnvelopeRow)[],
  beside: Partial<Envelope> = {},
): Envelope {
  return {
    source: SOURCE,
    dataset,
    schema_version: 'v1',
    rows: rows.map((row) =>
      'captured_at' in row && 'row' in row ? (row as EnvelopeRow) : envelopeRow(row),
    ),
    ...beside,
  }
}

export interface SendOptions {
  readonly id?: string
  readonly secret?: string
  /** Seconds since the epoch. */
  readonly timestamp?: number
  /** Replaces or, where undefined, removes headers after signing. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly encode?: (body: Buffer) => Buffer
  readonly encoding?: string
}

/** The request that carries a body, signed over the bytes on the wire. */
export function signedRequest(body: string | Buffer, options: SendOptions = {}): RequestInit {
  const { encode, encoding, secret = SECRET, headers = {} } = options
  const decoded = Buffer.from(body)
  const wire = encode === undefined ? decoded : encode(decoded)
  const id = options.id ?? createHash('sha256').update(decoded).digest('base64url')
  const timestamp = options.timestamp ?? Math.floor(Date.now() / MS_PER_SECOND)
  const all: Record<string, string | undefined> = {
    'content-type': 'application/json',
    'content-encoding': encoding,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign({ id, timestamp, body: wire }, [parseSigningKey(secret)]),
    ...headers,
  }
  const given = Object.entries(all).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return { method: 'POST', headers: Object.fromEntries(given), body: new Uint8Array(wire) }
}

/** Posts a body as it is. */
export function post(
  url: string,
  body: string | Buffer,
  options: SendOptions = {},
): Promise<Response> {
  return fetch(`${url}${BATCHES_PATH}`, signedRequest(body, options))
}

/** Posts a body to a path, signed like a batch. */
export function postTo(
  url: string,
  path: string,
  body: unknown,
  options: SendOptions = {},
): Promise<Response> {
  return fetch(`${url}${path}`, signedRequest(JSON.stringify(body), options))
}

/** Posts a batch as the relay does, compressed with zstd. */
export function send(
  url: string,
  envelope: Envelope,
  options: SendOptions = {},
): Promise<Response> {
  return post(url, JSON.stringify(envelope), {
    encode: (body) => zstdCompressSync(body),
    encoding: 'zstd',
    ...options,
  })
}

/** The answer of a 200; fails with the body of anything else. */
export async function answerOf(response: Response): Promise<BatchResult> {
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`)
  return batchResultSchema.parse(JSON.parse(text)) as BatchResult
}

/** The problem of a refusal, with its status taken from the response. */
export async function problemOf(response: Response): Promise<Problem> {
  const problem = problemSchema.parse(await response.json())
  if (problem.status !== response.status)
    throw new Error(`${response.status} says ${problem.status}`)
  return problem
}

/** Sends a batch that must be answered 200. */
export async function deliver(
  url: string,
  envelope: Envelope,
  options: SendOptions = {},
): Promise<BatchResult> {
  return answerOf(await send(url, envelope, options))
}
