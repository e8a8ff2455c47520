import {
  BATCH_CONTENT_TYPE,
  type BatchResult,
  CONTENT_ENCODINGS,
  DATASETS,
  emptyCounts,
  HANDLING_STRICT,
  HQ_INGEST_ACCEPTED,
  HQ_INGEST_KEY,
  HQ_INGEST_REJECTED,
  IDEMPOTENT_REPLAYED,
  LIMITS,
  PREFER,
  PREFERENCE_APPLIED,
  PROBLEMS,
  type ProblemCode,
  TRACEPARENT,
  TRACEPARENT_PATTERN,
  WEBHOOK_ID,
  WEBHOOK_ID_PATTERN,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '@hq-export/contract'
import { exampleRow } from './example-row.ts'
import { problemResponses, RATE_LIMIT_HEADERS } from './problem-responses.ts'
import { BATCH_DATASETS, batchSchemaName } from './schemas.ts'

const rowCount = { required: true, schema: { type: 'integer', minimum: 0 } } as const

/** Headers of every request that is signed. */
export const SIGNED_PARAMETERS = [
  {
    name: WEBHOOK_ID,
    in: 'header',
    required: true,
    description: 'Idempotency key of a batch: the same for every attempt. Must come once',
    schema: { type: 'string', pattern: WEBHOOK_ID_PATTERN.source },
  },
  {
    name: WEBHOOK_TIMESTAMP,
    in: 'header',
    required: true,
    description: 'Seconds since the epoch, fresh for every attempt. Must come once',
    schema: { type: 'string', pattern: '^\\d{1,12}$' },
  },
  {
    name: HQ_INGEST_KEY,
    in: 'header',
    description:
      'Ids of the keys that signed, separated by a space: only these are tried. Optional, ' +
      'unsigned, decides nothing',
    schema: { type: 'string', pattern: '^[0-9a-f]{12}( [0-9a-f]{12}){0,7}$' },
  },
  {
    name: 'Content-Encoding',
    in: 'header',
    description: 'One coding or none. The signature is over the body as sent',
    schema: { type: 'string', enum: [...CONTENT_ENCODINGS, 'identity'] },
  },
  {
    name: TRACEPARENT,
    in: 'header',
    description: 'W3C Trace Context; decides nothing',
    schema: { type: 'string', pattern: TRACEPARENT_PATTERN.source },
  },
]

const STRICT_PARAMETER = {
  name: PREFER,
  in: 'header',
  description: `\`${HANDLING_STRICT}\`: all rows or none (RFC 7240)`,
  schema: { type: 'string' },
  example: HANDLING_STRICT,
}

/** Refusals of requests that compare, and of no batch. */
const COMPARING_PROBLEMS: readonly ProblemCode[] = [
  'invalid_request',
  'unknown_checksum',
  'not_read_in_time',
  'table_locked',
]

/** What no signed request is answered. */
const NEVER: readonly ProblemCode[] = ['not_found', ...COMPARING_PROBLEMS]

function exampleBatch(dataset: (typeof DATASETS)[number]): unknown {
  return {
    source: 'data-engine-x',
    dataset: dataset.name,
    schema_version: dataset.schemaVersion,
    rows: [
      { row: exampleRow(dataset), xid: '748213', captured_at: '2026-02-16T09:30:00.124001+00:00' },
    ],
  }
}

const exampleAnswer: BatchResult = {
  batch: 'MCVzPNAdhyMxadPnQdv2PmKf3gutnwp1sdTy2KYIz7Q',
  status: 'partial',
  counts: { ...emptyCounts(2), inserted: 1, quarantined: 1 },
  rows: [
    {
      index: 1,
      key: '6f0c1a52-7d7a-4c7e-9a53-0d1f0e7c2b11',
      outcome: 'quarantined',
      code: 'invalid_value',
      pointer: '/rows/1/row/event_sequence',
      detail: 'event_sequence is out of range',
    },
  ],
}

const SUCCESS = {
  description: 'The batch is committed in HQ; the answer says what became of every row',
  headers: {
    [HQ_INGEST_ACCEPTED]: { ...rowCount, description: 'Rows that HQ holds now' },
    [HQ_INGEST_REJECTED]: { ...rowCount, description: 'Rows in quarantine' },
    [IDEMPOTENT_REPLAYED]: {
      description: 'The stored answer of an earlier delivery',
      schema: { type: 'string', const: 'true' },
    },
    [PREFERENCE_APPLIED]: { schema: { type: 'string', const: HANDLING_STRICT } },
    ...RATE_LIMIT_HEADERS,
  },
  content: {
    'application/json': {
      schema: { $ref: '#/components/schemas/answer' },
      examples: { partial: { value: exampleAnswer } },
    },
  },
}

/** `POST /v1/batches`, with everything that it may answer. */
export function batchOperation(): unknown {
  const codes = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !NEVER.includes(code))
  return {
    operationId: 'postBatch',
    summary: 'Take a signed batch of rows of one dataset',
    description:
      `At most ${LIMITS.maxWireBytes} bytes as sent and ${LIMITS.maxDecodedBytes} after ` +
      'decompression. Whether a row is valid is decided row by row; ' +
      'a refused one is quarantined and stops no other.',
    security: [{ [WEBHOOK_SIGNATURE]: [] }],
    parameters: [...SIGNED_PARAMETERS, STRICT_PARAMETER],
    requestBody: {
      required: true,
      content: {
        [BATCH_CONTENT_TYPE]: {
          schema: {
            oneOf: BATCH_DATASETS.map((dataset) => ({
              $ref: `#/components/schemas/${batchSchemaName(dataset)}`,
            })),
          },
          examples: Object.fromEntries(
            DATASETS.map((dataset) => [dataset.name, { value: exampleBatch(dataset) }]),
          ),
        },
      },
    },
    responses: { 200: SUCCESS, ...problemResponses(codes) },
  }
}
