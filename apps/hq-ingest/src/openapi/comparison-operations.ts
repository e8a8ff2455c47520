import {
  BATCH_CONTENT_TYPE,
  checksumSpecs,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  type DigestAnswer,
  type DigestRequest,
  type DigestRowsAnswer,
  type DigestRowsRequest,
  datasetByName,
  FRESHNESS_PATH,
  type Freshness,
  type FreshnessAnswer,
  type FreshnessReport,
  IDEMPOTENT_REPLAYED,
  LIMITS,
  PROBLEMS,
  type ProblemCode,
  RECONCILIATIONS_PATH,
  type Reconciliation,
  type ReconciliationAnswer,
  SCHEMA_VERSION,
  WEBHOOK_SIGNATURE,
} from '@hq-export/contract'
import { SIGNED_PARAMETERS } from './batch-operation.ts'
import { problemResponses, RATE_LIMIT_HEADERS } from './problem-responses.ts'

const RUNS = datasetByName('dx_operation_runs_v1')
const RUN = '6f0c1a52-7d7a-4c7e-9a53-0d1f0e7c2b11'
const SPECS = checksumSpecs(RUNS, 'DXC-1').map(({ id, algorithm }) => ({ id, algorithm }))
const SPEC = SPECS.at(-1)?.id ?? ''

const who = { source: 'data-engine-x', dataset: RUNS.name, schema_version: SCHEMA_VERSION }
const asOf = {
  spec: SPEC,
  epoch: '7559120938475610293.0b8f4a0e-5a0a-4c37-9d43-0c2f4b6f1a10',
  snapshot: '748213:748220:748213,748217',
}
const row = { key: RUN, version: null, hash: '-4520312987461', in_flight: false, deleted: false }

const digestRequest: DigestRequest = { ...who, as_of: asOf, scope: {} }
const digestAnswer: DigestAnswer = {
  specs: SPECS,
  canaries: { 'DXC-1': '-1976362917795405974', 'DXC-2': '7075080077933234141' },
  wrong_types: [],
  orgs: null,
  result: {
    digest: {
      buckets: [[17, 1, '-4520312987461']],
      rows: 1,
      nulls: {},
      statuses: { succeeded: 1, failed: 0, skipped: 0, canceled: 0 },
      min_time: '2026-02-16T09:30:00.123456+00:00',
      max_time: '2026-02-16T09:30:00.123456+00:00',
    },
    in_flight: 0,
    in_flight_keys: [],
    deleted: 0,
    strays: [],
  },
}
const rowsRequest: DigestRowsRequest = { ...who, as_of: asOf, keys: [RUN] }
const rowsAnswer: DigestRowsAnswer = { rows: [row], refused: [], foreign: [], next: null }
const reconciliation: Reconciliation = {
  source: who.source,
  schema_version: SCHEMA_VERSION,
  id: RUN,
  kind: 'daily',
  state: 'different',
  started_at: '2026-02-17T03:00:00+00:00',
  finished_at: '2026-02-17T03:00:04.5+00:00',
  scope: {},
  repair: false,
  version: 'outbox-relay 0.2.0',
  datasets: [
    {
      dataset: RUNS.name,
      state: 'different',
      reason: null,
      algorithm: 'DXC-1',
      spec: SPEC,
      source_rows: 2,
      hq_rows: 1,
      in_flight: 0,
      coverage: 1,
      findings: { missing: 1, stale: 0, different: 0, ahead: 0, extra: 0, foreign: 0, refused: 0 },
      repairs: { none: 1, sent: 0, failed: 0, not_repairable: 0 },
      nulls: {},
      statuses: { succeeded: [2, 1] },
      duration_ms: 4200,
    },
  ],
  findings: [
    {
      dataset: RUNS.name,
      key: RUN,
      org_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      class: 'missing',
      columns: [],
      source_version: null,
      hq_version: null,
      reason: null,
      repair: 'none',
    },
  ],
}
const reconciliationAnswer: ReconciliationAnswer = { id: RUN, replayed: false }

const freshnessReport: FreshnessReport = {
  source: who.source,
  schema_version: SCHEMA_VERSION,
  epoch: asOf.epoch,
  at: '2026-02-17T03:00:00.25+00:00',
  datasets: [{ dataset: RUNS.name, complete_through: '2026-02-17T03:00:00.125+00:00', refused: 0 }],
  lags: [{ dataset: RUNS.name, seconds: 0.125 }],
}
const freshnessAnswer: FreshnessAnswer = { stored: true }
const freshness: Freshness = {
  source: who.source,
  datasets: [
    {
      dataset: RUNS.name,
      complete_through: '2026-02-17T03:00:00.125+00:00',
      lag_seconds: 1.75,
      open_refused: 0,
      reconciled_at: '2026-02-17T03:00:04.5+00:00',
      reconciled_state: 'equal',
      schema_version: SCHEMA_VERSION,
    },
  ],
}

/** Refusals of batches alone. */
const BATCH_PROBLEMS: readonly ProblemCode[] = [
  'not_found',
  'in_flight',
  'webhook_id_reused',
  'rows_refused',
  'not_in_time',
]

interface Described {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** Undefined of a GET. */
  readonly request?: readonly [schema: string, example: unknown]
  readonly answer: readonly [schema: string, example: unknown]
}

function mediaOf([schema, example]: readonly [string, unknown]) {
  return { schema: { $ref: `#/components/schemas/${schema}` }, example }
}

function operation({ request, answer, ...said }: Described): Record<string, unknown> {
  const codes = (Object.keys(PROBLEMS) as ProblemCode[]).filter(
    (code) => !BATCH_PROBLEMS.includes(code),
  )
  return {
    ...said,
    security: [{ [WEBHOOK_SIGNATURE]: [] }],
    parameters: SIGNED_PARAMETERS,
    ...(request !== undefined && {
      requestBody: { required: true, content: { [BATCH_CONTENT_TYPE]: mediaOf(request) } },
    }),
    responses: {
      200: {
        description: said.summary,
        headers: {
          ...(request !== undefined && {
            [IDEMPOTENT_REPLAYED]: {
              description: 'It had been posted before',
              schema: { type: 'string', const: 'true' },
            },
          }),
          ...RATE_LIMIT_HEADERS,
        },
        content: { 'application/json': mediaOf(answer) },
      },
      ...problemResponses(codes),
    },
  }
}

/** The paths by which a source compares itself with HQ, with everything that they may answer. */
export function comparisonPaths(): Record<string, unknown> {
  return {
    [DIGESTS_PATH]: {
      post: operation({
        operationId: 'postDigest',
        summary: 'Checksums of what HQ holds, as of a snapshot of the source',
        description: 'Without `as_of` nothing is read: the answer says what could be compared.',
        request: ['digest_request', digestRequest],
        answer: ['digest_answer', digestAnswer],
      }),
    },
    [DIGEST_ROWS_PATH]: {
      post: operation({
        operationId: 'postDigestRows',
        summary: 'Hashes of single rows: of some buckets, page by page, or of some keys',
        description: `Hashes, versions, keys; never a value. At most ${LIMITS.maxDigestKeys} keys.`,
        request: ['digest_rows_request', rowsRequest],
        answer: ['digest_rows_answer', rowsAnswer],
      }),
    },
    [RECONCILIATIONS_PATH]: {
      post: operation({
        operationId: 'postReconciliation',
        summary: 'Take a comparison that has ended, so that HQ knows of it',
        description: 'Idempotent by `source` and `id`; `repaired` may later become `equal`.',
        request: ['reconciliation', reconciliation],
        answer: ['reconciliation_answer', reconciliationAnswer],
      }),
    },
    [FRESHNESS_PATH]: {
      post: operation({
        operationId: 'postFreshness',
        summary: 'Take how far the datasets of a source are complete',
        description: 'A moment never goes back within an epoch; null leaves what HQ has.',
        request: ['freshness_report', freshnessReport],
        answer: ['freshness_answer', freshnessAnswer],
      }),
      get: operation({
        operationId: 'getFreshness',
        summary: 'How far the datasets of the source of the key are complete',
        description: 'Signed over an empty body, with the headers of a batch.',
        answer: ['freshness', freshness],
      }),
    },
  }
}
