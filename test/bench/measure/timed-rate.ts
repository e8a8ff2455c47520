/** Does the work; returns how many of `rows` that was a second. */
export async function timedRate(rows: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (rows * 1000) / (performance.now() - startedAt)
}
