import type { Logger } from '../process/log.ts'
import type { RelayProgress } from './relay-progress.ts'

const PERIOD_MS = 60_000

/**
 * One line a minute of what was delivered, and none for a minute without anything.
 * @returns ends it, with a last line.
 */
export function summarise(
  progress: () => RelayProgress,
  log: Logger,
  periodMs: number = PERIOD_MS,
): () => void {
  let last = progress()
  const write = () => {
    const now = progress()
    const rows = now.settledRows - last.settledRows
    const batches = now.settledBatches - last.settledBatches
    last = now
    if (batches > 0) log.info({ rows, batches, state: now.state }, 'delivered')
  }
  const timer = setInterval(write, periodMs)
  return () => {
    clearInterval(timer)
    write()
  }
}
