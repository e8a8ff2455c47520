import { LIMITS } from '@hq-export/contract'

/*
 * Sizes are known before a value is fetched: `octet_length` of a toasted value reads its head
 * alone. A value that is of no use here stays in the database, because one of hundreds of megabytes
 * would cost the relay its memory, its event loop, or, beyond V8's longest string, its life.
 */

/**
 * Bytes of a row's JSON text: HQ takes no more (its `row_too_large`), measured as HQ measures it.
 */
export const MAX_BODY_BYTES: number = LIMITS.maxRowBytes

/**
 * Bytes of the raw row of a failed capture. What is under contract of a table may be a small part
 * of a large row, so more is read than HQ would take.
 */
export const MAX_RAW_BYTES: number = LIMITS.maxDecodedBytes

/**
 * Bytes of a key, which is a text of a few dozen. An index has no room for one that is much larger.
 */
export const MAX_KEY_BYTES = 1024

/**
 * SQL: true for a row of an outbox table that is too large to be fetched. @param bytes SQL of the
 * size of its body, or 0.
 */
export function isOversizedSql(bytes: string): string {
  return `(${bytes} > case when sqlstate is null then ${MAX_BODY_BYTES} else ${MAX_RAW_BYTES} end
    or coalesce(pg_catalog.octet_length(key), 0) > ${MAX_KEY_BYTES})`
}

/** SQL: the beginning of a key, whole unless it is oversized. */
export function shortKeySql(): string {
  return `pg_catalog."left"(key, ${MAX_KEY_BYTES / 4})`
}

/** Why a row of so many bytes goes nowhere. */
export function tooLargeDetail(bytes: number): string {
  return `the row has ${bytes} bytes, HQ takes ${MAX_BODY_BYTES}; it was not kept`
}
