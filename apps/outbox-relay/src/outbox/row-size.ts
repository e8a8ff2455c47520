import { LIMITS } from '@hq-export/contract'

/*
 * Sizes are known before a value is fetched: `octet_length` of a toasted value reads its head alone. A value that is of no use here stays in
 * the database, because one of hundreds of megabytes would cost the relay its memory, its event loop, or, beyond V8's longest
 * string, its life.
 */

/** Bytes of a row's JSON text: HQ takes no more (its `row_too_large`), measured as HQ measures it. */
export const MAX_BODY_BYTES: number = LIMITS.maxRowBytes

/**
 * Bytes of the raw row of a failed capture. What is under contract of a table may be a small part of a large row, so more is read than HQ
 * would take.
 */
export const MAX_RAW_BYTES: number = LIMITS.maxDecodedBytes

/** Bytes of a key or a trace context, which are texts of a few dozen. An index has no room for one that is much larger. */
const MAX_LABEL_BYTES = 1024

/** SQL: true for a row of an outbox table that is too large to be fetched. @param bytes SQL of the size of its body, or 0. */
export function isOversizedSql(bytes: string): string {
  return `coalesce(${bytes} > case when sqlstate is null then ${MAX_BODY_BYTES} else ${MAX_RAW_BYTES} end
    or pg_catalog.octet_length(key) > ${MAX_LABEL_BYTES} or pg_catalog.octet_length(traceparent) > ${MAX_LABEL_BYTES}, false)`
}

/** SQL: the beginning of a key or trace context, whole unless it is oversized. */
export function labelSql(column: string): string {
  return `pg_catalog."left"(${column}, ${MAX_LABEL_BYTES / 4})`
}

/** Why a row of so many bytes goes nowhere. */
export function tooLargeDetail(bytes: number): string {
  return `the row has ${bytes} bytes, HQ takes ${MAX_BODY_BYTES}; it was not kept`
}
