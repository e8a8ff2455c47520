/** Runs what it is given one after the other, in the order in which it was given. */
export type Serialize = <T>(work: () => Promise<T>) => Promise<T>

/** For a session that several parts of a program use: node-postgres wants one query at a time. */
export function createSerializer(): Serialize {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    // Whoever asked gets the failure; whoever comes next only waits for it.
    last = next.catch(() => {})
    return next
  }
}
