/** Standard Webhooks: idempotency key of the batch, the same for every attempt. */
export const WEBHOOK_ID = 'webhook-id'
/** Standard Webhooks: seconds since the epoch, fresh for every attempt. */
export const WEBHOOK_TIMESTAMP = 'webhook-timestamp'
/** Standard Webhooks: space-separated list of `version,base64`. */
export const WEBHOOK_SIGNATURE = 'webhook-signature'
/**
 * Ids of the keys that signed, separated by a space; optional and unsigned. Names whom to ask, so
 * that a body is not tried with every key there is; decides nothing.
 */
export const HQ_INGEST_KEY = 'hq-ingest-key'
/**
 * SHA-256 of the contract's lock that the sender was built with, in hexadecimal digits; optional and
 * unsigned. Counted and, where it is unknown, reported; decides nothing.
 */
export const HQ_CONTRACT_LOCK = 'hq-contract-lock'
/** W3C Trace Context; unsigned, so it advises and decides nothing. */
export const TRACEPARENT = 'traceparent'
/** `true` on the stored answer of a batch that HQ had applied before. */
export const IDEMPOTENT_REPLAYED = 'idempotent-replayed'
/**
 * RFC 7240: `handling=strict` asks for all rows or none; without it a refused row stops no other.
 */
export const PREFER = 'prefer'
/** RFC 7240: echoes the preference that was honoured. */
export const PREFERENCE_APPLIED = 'preference-applied'
/** The one value of {@link PREFER} that the gateway honours. */
export const HANDLING_STRICT = 'handling=strict'
/** On every 200: rows that HQ holds now, for whoever reads headers alone. */
export const HQ_INGEST_ACCEPTED = 'hq-ingest-accepted'
/** On every 200: rows in quarantine. */
export const HQ_INGEST_REJECTED = 'hq-ingest-rejected'

/** `webhook-id`: 1 to 128 URL-safe characters. */
export const WEBHOOK_ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/

/** Media type of a batch. */
export const BATCH_CONTENT_TYPE = 'application/json'
/** Media type of every refusal (RFC 9457). */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

/** Where batches go. */
export const BATCHES_PATH = '/v1/batches'
/** Checksums of what HQ holds. */
export const DIGESTS_PATH = '/v1/digests'
/** Hashes of single rows that HQ holds. */
export const DIGEST_ROWS_PATH = '/v1/digests/rows'
/** Where reconciliations that have ended go. */
export const RECONCILIATIONS_PATH = '/v1/reconciliations'
/** How far HQ is complete: told by the source, asked by whoever may sign. */
export const FRESHNESS_PATH = '/v1/freshness'
/** Is the process alive; asks nobody. */
export const LIVE_PATH = '/livez'
/** Can it do its work now. */
export const READY_PATH = '/readyz'
/** Every limit of the gateway, as JSON. */
export const LIMITS_PATH = '/v1/limits'
/** OpenAPI 3.1 description of the gateway. */
export const OPENAPI_PATH = '/openapi.json'
/** Every problem; one of them is at `/problems/{code}`. */
export const PROBLEMS_PATH = '/problems'

/** Codings of the body that both sides know; `none` sends no `content-encoding`. */
export const CONTENT_ENCODINGS = ['zstd', 'gzip'] as const
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number]
