import pg from 'pg'

/*
 * The SQLSTATEs that mean something to the relay (PostgreSQL, appendix A). Whether an error is a
 * row's fault is told by their classes: runtime/src/postgres/row-fault.ts.
 */

/** A value that a setting or a function does not take; a role that is not there, at connecting. */
export const INVALID_PARAMETER_VALUE = '22023'
/** Two transactions waited for each other; this one was chosen. */
export const DEADLOCK_DETECTED = '40P01'
/** No right, or not the owner of a table. */
export const INSUFFICIENT_PRIVILEGE = '42501'
/** A standby has no flush position of its own, for one. */
export const OBJECT_NOT_IN_PREREQUISITE_STATE = '55000'
/** A lock was not free at once (NOWAIT), or within `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03'
/** A statement that ran into `statement_timeout`, or was cancelled. */
export const QUERY_CANCELED = '57014'

/** True if PostgreSQL reported the error, under one of these SQLSTATEs. */
export function hasSqlstate(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof pg.DatabaseError && codes.includes(error.code ?? '')
}
