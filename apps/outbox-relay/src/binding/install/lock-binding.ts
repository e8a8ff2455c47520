/**
 * One at a time changes what is bound, and a backfill that ends now says so before we look, or of
 * what we write. On our own table, which only its owner and the relay may lock: an advisory lock is
 * anybody's to take. Under a lock_timeout; who waits in vain tries again.
 */
export const LOCK_BINDING = /* sql */ `lock table hq_export.binding in share row exclusive mode`
