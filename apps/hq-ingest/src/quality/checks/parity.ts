import { failed, passed, undecided } from '../verdict.ts'
import type { WindowCheck } from './check.ts'
import { causesOf, sumOf } from './counts.ts'

const NAME = 'parity'

/** Source and HQ hold the same rows, by the last comparison. */
export const parity: WindowCheck = {
  name: NAME,
  judge({ comparison }) {
    const metric = 'keys that differ from the source'
    if (comparison === undefined) return undecided({ check: NAME, metric, rows: 0 }, 'comparison')
    const { state, findings, sourceRows, hqRows } = comparison
    // Known on both sides, and no difference.
    const { refused: _, ...differing } = findings
    const value = sumOf(differing)
    const rows = Math.max(sourceRows, hqRows)
    const measured = {
      check: NAME,
      metric,
      rows,
      value,
      threshold: 1,
      fraction: rows === 0 ? null : Math.min(1, value / rows),
      worst: causesOf('finding', differing, rows),
    }
    if (state === 'different') return failed(measured, 'equal', 'page')
    // What was sent once more is proven only by the next comparison.
    return state === 'equal' ? passed(measured) : undecided(measured, 'comparison')
  },
}
