/**
 * What went wrong, the first first. An error of a release that comes while another passes goes out
 * as a `SuppressedError` that holds both, inside of a stack of releases and around it.
 */
export function errorsInOrder(error: unknown): readonly [unknown, ...unknown[]] {
  if (!(error instanceof SuppressedError)) return [error]
  const [first, ...rest] = errorsInOrder(error.suppressed)
  return [first, ...rest, ...errorsInOrder(error.error)]
}
