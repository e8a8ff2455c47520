import { errorType } from './error-type.ts'

/** The reason of a failed export in a word or two: a code of the network, a status, a name. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const { cause } = (error ?? {}) as { cause?: unknown }
  if (cause instanceof Error) return reasonOf(cause)
  return errorType(error)
}

/**
 * Passes a failure on and then keeps quiet for a while, however many follow: a collector that is
 * away must not fill the log.
 * @param report gets the reason of the failure that ends the quiet.
 */
export function warnOnce(
  report: (reason: string) => void,
  pauseMs: number,
  now: () => number = () => performance.now(),
): (error: unknown) => void {
  let quietUntil = Number.NEGATIVE_INFINITY
  return (error) => {
    if (now() < quietUntil) return
    quietUntil = now() + pauseMs
    report(reasonOf(error))
  }
}
