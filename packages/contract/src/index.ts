export {
  CHECKSUM_ALGORITHMS,
  CHECKSUM_BUCKETS,
  type ChecksumAlgorithm,
  type ChecksumSpec,
  checksumSpecs,
} from './checksum/checksum-spec.ts'
export {
  bucketSql,
  CANARIES_SQL,
  type ColumnSql,
  canarySql,
  keyHashSql,
  rowHashSql,
  sampleSql,
  valueHashSql,
} from './checksum/checksum-sql.ts'
export {
  type Column,
  type ColumnType,
  type CriticalField,
  type Dataset,
  ENTITY_TYPES,
  type Quality,
  type Semantics,
  TYPE_NAMES,
} from './datasets/dataset.ts'
export {
  columnOf,
  DATASETS,
  type DatasetName,
  datasetByName,
  datasetByNumber,
  HEARTBEAT_DATASET,
  isDatasetName,
  SCHEMA_VERSION,
  schemaVersionOf,
  type WireDataset,
  wireDataset,
} from './datasets/datasets.ts'
export { type Projected, projectionOf, projectSql } from './datasets/projection.ts'
export { canonicalJson, sha256Of } from './lock/canonical-json.ts'
export {
  DATASET_STATUSES,
  type Deprecation,
  daySchema,
  type LastRead,
  type Lock,
  type LockedColumn,
  type LockedDataset,
  lockSchema,
  type QualityRule,
  releaseIdSchema,
} from './lock/lock.ts'
export { datasetFamily, EMPTY_LOCK, lockOf, sealDataset } from './lock/lock-of.ts'
export {
  gatewayRowCheck,
  gatewayRowSchema,
  producerRowSchema,
  type WireRow,
} from './rows/row-schema.ts'
export { type LocatedRow, locateMembers, locateRows, type Span } from './rows/row-text.ts'
export { snapshotIdOf } from './rows/snapshot-id.ts'
export {
  TIMESTAMP_PATTERN,
  UUID_PATTERN,
} from './rows/wire-value.ts'
export { KEY_ID_PATTERN, keyIdOf } from './signature/key-id.ts'
export { type SignedContent, sign } from './signature/sign.ts'
export {
  KeyFormatError,
  parseSigningKey,
  parseVerificationKey,
  type SigningKey,
  type VerificationKey,
} from './signature/signing-key.ts'
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
} from './signature/verify.ts'
export {
  BALANCE_PARTS,
  type BalancePart,
  type BalanceRow,
  balanceDifference,
  balanceRowSchema,
  balanceSchema,
} from './wire/balance.ts'
export {
  type Digest,
  type DigestAnswer,
  type DigestRequest,
  type DigestRow,
  type DigestRowsAnswer,
  type DigestRowsRequest,
  type DigestScope,
  digestAnswerSchema,
  digestRequestSchema,
  digestRowsAnswerSchema,
  digestRowsRequestSchema,
  digestScopeSchema,
} from './wire/digest.ts'
export {
  type Envelope,
  type EnvelopeRow,
  envelopeSchema,
  parseEnvelope,
  SOURCE_PATTERN,
} from './wire/envelope.ts'
export {
  type DatasetFreshness,
  type DatasetLag,
  type Freshness,
  type FreshnessAnswer,
  type FreshnessReport,
  freshnessAnswerSchema,
  freshnessReportSchema,
  freshnessSchema,
} from './wire/freshness.ts'
export {
  BATCH_CONTENT_TYPE,
  BATCHES_PATH,
  CONTENT_ENCODINGS,
  type ContentEncoding,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  FRESHNESS_PATH,
  HANDLING_STRICT,
  HQ_CONTRACT_LOCK,
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
  RECONCILIATIONS_PATH,
  TRACEPARENT,
  WEBHOOK_ID,
  WEBHOOK_ID_PATTERN,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from './wire/headers.ts'
export { LIMITS } from './wire/limits.ts'
export {
  type BatchResult,
  batchResultSchema,
  type Counts,
  emptyCounts,
  OUTCOMES,
  type Outcome,
  ROW_CODES,
  type RowCode,
  type RowResult,
} from './wire/outcome.ts'
export {
  PROBLEMS,
  type Problem,
  type ProblemCode,
  problemSchema,
  problemType,
} from './wire/problem.ts'
export {
  type DatasetReconciliation,
  FINDING_CLASSES,
  type Finding,
  type FindingClass,
  findingSchema,
  RECONCILIATION_STATES,
  REPAIR_STATES,
  type Reconciliation,
  type ReconciliationAnswer,
  type ReconciliationState,
  type RepairState,
  reconciliationAnswerSchema,
  reconciliationSchema,
} from './wire/reconciliation.ts'
export { type RowProblem, rowProblem } from './wire/row-problem.ts'
export { parseTraceparent, TRACEPARENT_PATTERN, type TraceParent } from './wire/traceparent.ts'
