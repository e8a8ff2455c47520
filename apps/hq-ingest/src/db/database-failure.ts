import pg from 'pg'

/** HQ could not be written, and no row is at fault: the same batch may succeed later. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError'
  /** SQLSTATE, or undefined where the connection itself failed. */
  readonly sqlstate: string | undefined

  constructor(cause: unknown) {
    super('HQ cannot be written', { cause })
    this.sqlstate = cause instanceof pg.DatabaseError ? cause.code : undefined
  }
}

/**
 * True for a serialization failure or a deadlock: the transaction as a whole may be run again at
 * once.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40001' || error.code === '40P01')
}

/**
 * True where every session of the pool was taken for as long as one may wait: pg-pool has no code
 * for it, and no other failure has this text.
 */
export function isPoolExhausted(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect'
}
