import pg from 'pg'

/** Routine of the server, not of a function, that says which right on what is missing. */
const PERMISSION_DENIED = 'aclcheck_error'
/** Errors that JavaScript itself makes of what it was given, and quotes. */
const QUOTING = [SyntaxError, RangeError, TypeError]

/**
 * An error in words that may be logged or printed. PostgreSQL's messages quote values, and a
 * function of the application may raise any text under any SQLSTATE, so of an error of a statement
 * only the SQLSTATE is told. The message of one that refused or ended a session (FATAL) speaks of
 * roles, databases and limits, and no function can raise it; that of a right that is missing names
 * a relation.
 */
export function describeError(error: unknown): string {
  if (error instanceof pg.DatabaseError) {
    const { code = 'unknown', message, routine, severity = '' } = error
    const isOfSession = /^(?:FATAL|PANIC)$/.test(severity)
    return isOfSession || routine === PERMISSION_DENIED ? message : `SQLSTATE ${code}`
  }
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as { code?: unknown }
  if (QUOTING.some((kind) => error instanceof kind)) return error.name
  // Nothing was said of a host with several addresses, each of which failed by itself.
  return error.message === '' && typeof code === 'string' ? code : error.message
}
