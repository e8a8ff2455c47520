/**
 * What went wrong first. A release that fails while an error passes becomes a `SuppressedError`
 * around it, and so does the next one: the way out of a scope says last what began it.
 */
export function firstError(error: unknown): unknown {
  let first = error
  while (first instanceof SuppressedError) first = first.suppressed
  return first
}
