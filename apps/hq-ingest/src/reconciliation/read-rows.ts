import {
  type DigestRow,
  type DigestRowsAnswer,
  type DigestRowsRequest,
  digestRowsRequestSchema,
  LIMITS,
} from '@hq-export/contract'
import type pg from 'pg'
import type { IngestKey } from '../keys/ingest-key.ts'
import { Refusal } from '../refusal/refusal.ts'
import { readWrongTypes } from './handshake.ts'
import {
  bucketRowsStatement,
  foreignStatement,
  keyRowsStatement,
  refusedStatement,
} from './leaf-statement.ts'
import { datasetOf, type Key, keyOf, type Question, questionOf } from './question.ts'
import { readOnly, rowsOf } from './read-only.ts'
import type { Comparing, Comparison } from './receive-request.ts'

async function readBuckets(
  client: pg.ClientBase,
  question: Question,
  buckets: readonly number[],
  after: Key | undefined,
): Promise<DigestRowsAnswer> {
  const found = await rowsOf<DigestRow>(client, bucketRowsStatement(question, buckets, after))
  const rows = found.slice(0, LIMITS.maxDigestRows)
  const next = found.length > rows.length ? (rows.at(-1)?.key ?? null) : null
  return { rows, refused: [], foreign: [], next }
}

async function readKeys(
  client: pg.ClientBase,
  question: Question,
  keys: readonly Key[],
  withColumns: boolean,
): Promise<DigestRowsAnswer> {
  const rows = await rowsOf<DigestRow>(client, keyRowsStatement(question, withColumns))
  const known = new Set(rows.flatMap(({ key, deleted }) => (deleted ? [] : key)))
  const texts = new Map(keys.map((parts) => [parts.join('/').toLowerCase(), parts]))
  const lacked = [...texts.keys()].filter((key) => !known.has(key))
  if (lacked.length === 0) return { rows, refused: [], foreign: [], next: null }
  const parts = lacked.flatMap((key) => [texts.get(key) ?? []])
  const foreign = await rowsOf<{ key: string }>(client, foreignStatement(question, parts))
  return {
    rows,
    refused: await rowsOf(client, refusedStatement(question, lacked)),
    foreign: foreign.map(({ key }) => key),
    next: null,
  }
}

/** What reads the rows that a request asks for; @throws {Refusal} for a key that is none. */
function readerOf(
  request: DigestRowsRequest,
  question: Question,
): (client: pg.ClientBase) => Promise<DigestRowsAnswer> {
  const { dataset, keys } = question
  if ('keys' in request)
    return (client) => readKeys(client, question, keys ?? [], request.columns ?? true)
  const after = request.after === undefined ? undefined : keyOf(dataset, request.after)
  return (client) => readBuckets(client, question, request.buckets, after)
}

async function answer(
  { comparePool, metrics }: Comparing,
  request: DigestRowsRequest,
  key: IngestKey,
): Promise<DigestRowsAnswer> {
  const dataset = datasetOf(request, key)
  const asked = 'keys' in request ? { ...request, scope: {} } : request
  const read = readerOf(request, questionOf(asked, request.as_of, dataset, key))
  const found = await readOnly(comparePool, async (client) => {
    const wrongTypes = await readWrongTypes(client, dataset)
    if (wrongTypes.length === 0) return read(client)
    throw new Refusal('unknown_checksum', 'HQ has columns of other types than the contract')
  })
  metrics.rowsCompared(dataset.name, found.rows.length)
  return found
}

/** `POST /v1/digests/rows`. */
export const digestRows: Comparison<DigestRowsRequest, DigestRowsAnswer> = {
  schema: digestRowsRequestSchema,
  answer,
}
