/**
 * It cannot be told whether both sides are the same, and the message says why, in one sentence
 * without a value of a row.
 */
export class UndecidedError extends Error {
  override readonly name = 'UndecidedError'
}

/** A range took too long to be compared under one snapshot: halves of it may not. */
export class TooLongError extends UndecidedError {}

/** Why it cannot be told where the caller, or the server, has ended it. */
export const STOPPED = 'it was stopped, or a session was lost'
