import type { Progress } from './read-progress.ts'

/** What one line of the demo says. */
export interface ProgressLine {
  readonly elapsedSeconds: number
  readonly committedRows: number
  /** Rows committed in the last second. */
  readonly rowsPerSecond: number
  readonly progress: Progress
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

/**
 * One line a second: what the application has committed, what of it HQ has decided, how old the
 * oldest row is that waits, and what HQ refused.
 */
export function formatProgress(line: ProgressLine): string {
  const { elapsedSeconds, committedRows, rowsPerSecond, progress } = line
  // A row may be committed between the two looks; nothing is delivered that was not committed.
  const delivered = Math.max(0, committedRows - progress.waitingRows)
  return [
    `${String(Math.round(elapsedSeconds)).padStart(5)} s`,
    `committed ${count(committedRows).padStart(9)} rows (${count(rowsPerSecond).padStart(6)}/s)`,
    `delivered ${count(delivered).padStart(9)}`,
    `lag ${progress.lagSeconds.toFixed(2).padStart(6)} s`,
    `dead letters ${count(progress.deadLetters)}`,
  ].join('   ')
}
