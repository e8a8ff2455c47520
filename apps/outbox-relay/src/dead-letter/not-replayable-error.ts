/** Nothing of a letter can be sent; the message says why, and holds no value. */
export class NotReplayableError extends Error {
  override readonly name = 'NotReplayableError'
}
