import { isRowFault } from '@hq-export/runtime/postgres/row-fault.ts'
/** Nothing of a letter can be sent; the message says why, and holds no value. */
export class NotReplayableError extends Error {
  override readonly name = 'NotReplayableError'
}

/**
 * Why a row cannot be sent, without a value of it; undefined where the error says nothing of the
 * row.
 */
export function whyNot(error: unknown): string | undefined {
  if (error instanceof NotReplayableError) return error.message
  // The message may quote a value.
  return isRowFault(error)
    ? `PostgreSQL refuses to project the row: SQLSTATE ${error.code}; see relay -- doctor`
    : undefined
}
