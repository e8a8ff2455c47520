import {
  type Digest,
  type DigestAnswer,
  type DigestRequest,
  type DigestRow,
  digestRequestSchema,
  LIMITS,
} from '@hq-export/contract'
import { inSpan } from '@hq-export/observability/span.ts'
import type pg from 'pg'
import type { IngestKey } from '../keys/ingest-key.ts'
import { digestStatement, flightStatement } from './digest-statement.ts'
import { SNAPSHOTS } from './entity-datasets.ts'
import { readHandshake } from './handshake.ts'
import { datasetOf, type Question, questionOf } from './question.ts'
import { readOnly, rowsOf } from './read-only.ts'
import type { Comparing, Comparison } from './receive-request.ts'
import { straysStatement } from './strays-statement.ts'

const CURRENT_SNAPSHOT = {
  text: 'select pg_catalog.pg_current_snapshot()::text as snapshot',
  values: [],
}

type DigestResult = NonNullable<DigestAnswer['result']>

async function readFlightKeys(
  client: pg.ClientBase,
  question: Question,
  inFlight: number,
): Promise<string[] | null> {
  if (inFlight === 0) return []
  if (inFlight > LIMITS.maxInFlightKeys) return null
  const rows = await rowsOf<{ key: string }>(client, flightStatement(question))
  return rows.map(({ key }) => key)
}

/**
 * Never row by row: without statistics PostgreSQL takes both sides for a few rows, and would read
 * all of one for each of the other. Of the last statement of its transaction only: others look up
 * keys, one by one.
 */
const NO_NESTED_LOOPS = `select pg_catalog.set_config('enable_nestloop', 'off', true)`

async function readStrays(client: pg.ClientBase, question: Question): Promise<DigestRow[]> {
  if (question.dataset.name !== SNAPSHOTS || question.keys !== undefined) return []
  await client.query(NO_NESTED_LOOPS)
  return rowsOf<DigestRow>(client, straysStatement(question))
}

async function readResult(client: pg.ClientBase, question: Question): Promise<DigestResult> {
  const [scanned] = await rowsOf<Digest & Pick<DigestResult, 'in_flight' | 'deleted'>>(
    client,
    digestStatement(question),
  )
  if (scanned === undefined) throw new Error('a digest has one row')
  const { in_flight, deleted, ...digest } = scanned
  const [current] = await rowsOf<{ snapshot: string }>(client, CURRENT_SNAPSHOT)
  return {
    digest,
    ...current,
    in_flight,
    in_flight_keys: await readFlightKeys(client, question, in_flight),
    deleted,
    strays: await readStrays(client, question),
  }
}

async function answer(
  { comparePool, metrics }: Comparing,
  request: DigestRequest,
  key: IngestKey,
): Promise<DigestAnswer> {
  const { as_of: asOf } = request
  const dataset = datasetOf(request, key)
  const question = asOf === undefined ? undefined : questionOf(request, asOf, dataset, key)
  return inSpan(`digest ${dataset.name}`, {}, (span) =>
    readOnly(comparePool, async (client) => {
      const handshake = await readHandshake(client, dataset, key)
      if (question === undefined || handshake.wrong_types.length > 0) return handshake
      const result = await readResult(client, question)
      const rows = result.digest.rows + result.in_flight + result.deleted
      span.setAttribute('hq_export.rows', rows)
      metrics.rowsCompared(dataset.name, rows)
      return { ...handshake, result }
    }),
  )
}

/** `POST /v1/digests`. */
export const digests: Comparison<DigestRequest, DigestAnswer> = {
  schema: digestRequestSchema,
  answer,
}
