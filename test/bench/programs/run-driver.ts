import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Beside the time that it writes: connecting, preparing. */
const GRACE_MS = 60_000

/**
 * Runs a load driver in a process of its own, so that neither relay nor gateway shares a thread
 * with it, and returns what it prints as JSON. An abort or the time-out ends it.
 * @param task what it is to do; its only argument, as JSON.
 * @throws when it fails, with what it wrote to standard error.
 */
export async function runDriver<Result>(
  file: string,
  task: { readonly seconds: number },
  signal: AbortSignal,
): Promise<Result> {
  const { stdout } = await run(
    process.execPath,
    [join(import.meta.dirname, '..', 'drivers', file), JSON.stringify(task)],
    // Neither settings of relay and gateway nor PG* variables concern a driver.
    { signal, timeout: task.seconds * 1000 + GRACE_MS, env: {} },
  ).catch((error: unknown) => {
    // Rather why it was aborted than that it was.
    signal.throwIfAborted()
    throw error
  })
  return JSON.parse(stdout) as Result
}
