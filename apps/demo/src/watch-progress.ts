import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { DemoContext } from './demo-context.ts'
import { formatProgress } from './progress-line.ts'
import { readProgress } from './read-progress.ts'
import type { Tally } from './workload/population/tally.ts'

const LINE_PERIOD_MS = 1_000

/** Prints a line a second until the time is over or `ending` is aborted. */
export async function watchProgress(
  { options, say }: Pick<DemoContext, 'options' | 'say'>,
  monitor: pg.ClientBase,
  tally: Tally,
  ending: AbortSignal,
): Promise<void> {
  const beganAt = performance.now()
  const lines = options.seconds ?? Number.POSITIVE_INFINITY
  let last = { at: beganAt, rows: 0 }
  for (let line = 1; line <= lines; line++) {
    const waitMs = Math.max(0, beganAt + line * LINE_PERIOD_MS - performance.now())
    await delay(waitMs, undefined, { signal: ending }).catch((error: unknown) => {
      if (!ending.aborted) throw error
    })
    if (ending.aborted) return
    if (options.isQuiet) continue
    // Committed first: what is committed between the two looks waits, and must not count as
    // delivered.
    const committedRows = tally.committedRows
    const progress = await readProgress(monitor)
    const now = performance.now()
    const rowsPerSecond = ((committedRows - last.rows) / (now - last.at)) * 1000
    const elapsedSeconds = (now - beganAt) / 1000
    say(formatProgress({ elapsedSeconds, committedRows, rowsPerSecond, progress }))
    last = { at: now, rows: committedRows }
  }
}
