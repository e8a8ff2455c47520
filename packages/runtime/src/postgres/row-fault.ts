import pg from 'pg'

/**
 * SQLSTATE classes of faults that say nothing of a row: connection (08), cursors of the driver
 * (34), state of the session or of the transaction (24, 25, 26, 2D, 3B), who may log in and where
 * (28, 3D), rollbacks that ask for another try (40), resources (53), shutdown and cancel (57),
 * operating system and files (58), a snapshot that is too old (72), configuration (F0), a foreign
 * server (HV), the server itself (XX).
 */
const OTHER_CLASSES = new Set('08 24 25 26 28 2D 34 3B 3D 40 53 57 58 72 F0 HV XX'.split(' '))
/** Locks: of class 55 (a state that is not the required one) only these come and go. */
const LOCK_STATES = new Set(['55P03', '55006'])

/**
 * Whether PostgreSQL refused what a statement was given: its values, what a function of the
 * application raised over them, under whichever SQLSTATE, or the statement itself, because a column
 * or a right is missing. Tried again it fails again, and another row may pass. Everything else is a
 * fault of connection, resources, locks or shutdown. The one definition for both apps.
 */
export function isRowFault(error: unknown): error is pg.DatabaseError & { code: string } {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return false
  return !OTHER_CLASSES.has(error.code.slice(0, 2)) && !LOCK_STATES.has(error.code)
}

/**
 * Whether a fault of {@link isRowFault} is the statement's as well as the row's: a table, a column
 * or a right is missing (42), a schema (3F), or something is not in the state that the statement
 * needs (55).
 */
export function isStatementFault(error: unknown): boolean {
  return isRowFault(error) && /^(?:42|3F|55)/.test(error.code)
}

/**
 * Faults of {@link isStatementFault} in a row, of one row alone each, after which the statement is
 * at fault and not the rows.
 */
export const MAX_STATEMENT_FAULTS = 16
