export {
  type Column,
  type ColumnType,
  type CriticalField,
  type Dataset,
  ENTITY_TYPES,
  type Semantics,
} from './dataset.ts'
export {
  type CarriedDataset,
  carriedDataset,
  columnOf,
  DATASETS,
  type DatasetName,
  datasetByName,
  datasetByNumber,
  HEARTBEAT_DATASET,
  isDatasetName,
  SCHEMA_VERSION,
} from './datasets.ts'
export {
  type Envelope,
  type EnvelopeRow,
  envelopeSchema,
  parseEnvelope,
  SOURCE_PATTERN,
} from './envelope.ts'
export {
  BATCH_CONTENT_TYPE,
  BATCHES_PATH,
  CONTENT_ENCODINGS,
  type ContentEncoding,
  HANDLING_STRICT,
  HQ_INGEST_ACCEPTED,
  HQ_INGEST_KEY,
  HQ_INGEST_REJECTED,
  IDEMPOTENT_REPLAYED,
  LIMITS_PATH,
  LIVE_PATH,
  OPENAPI_PATH,
  PREFER,
  PREFERENCE_APPLIED,
  PROBLEM_CONTENT_TYPE,
  PROBLEMS_PATH,
  READY_PATH,
  TRACEPARENT,
  WEBHOOK_ID,
  WEBHOOK_ID_PATTERN,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from './headers.ts'
export { KEY_ID_PATTERN, keyIdOf } from './key-id.ts'
export { LIMITS } from './limits.ts'
export {
  type BatchAnswer,
  batchAnswerSchema,
  type Counts,
  emptyCounts,
  OUTCOMES,
  type Outcome,
  ROW_CODES,
  type RowCode,
  type RowResult,
} from './outcome.ts'
export {
  PROBLEMS,
  type Problem,
  type ProblemCode,
  problemSchema,
  problemType,
} from './problem.ts'
export { type RowProblem, rowProblem } from './row-problem.ts'
export { gatewayRowCheck, gatewayRowSchema, producerRowSchema, type WireRow } from './row-schema.ts'
export { type LocatedRow, locateMembers, locateRows, type Span } from './row-text.ts'
export { type SignedContent, sign } from './sign.ts'
export {
  KeyFormatError,
  parseSigningKey,
  parseVerificationKey,
  type SigningKey,
  type VerificationKey,
} from './signing-key.ts'
export { snapshotIdOf } from './snapshot-id.ts'
export { parseTraceparent, TRACEPARENT_PATTERN, type TraceParent } from './traceparent.ts'
export {
  type Claim,
  type ClaimResult,
  passesOf,
  readClaim,
  signatureCheck,
  TIMESTAMP_TOLERANCE_SECONDS,
  type VerifyFailure,
  type VerifyInput,
  type VerifyResult,
  verify,
} from './verify.ts'
export {
  TIMESTAMP_PATTERN,
  UUID_PATTERN,
} from './wire-value.ts'
