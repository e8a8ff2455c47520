import type { Profile, RowsBy } from '../../profile/profile.ts'
import { failed, passed, undecided } from '../verdict.ts'
import type { WindowCheck } from './check.ts'
import { causesOf, sumOf, writtenRows } from './counts.ts'

function checkOf(name: string, metric: string, count: (profile: Profile) => RowsBy): WindowCheck {
  return {
    name,
    judge({ tested }) {
      const rows = writtenRows(tested)
      if (rows === 0) return undecided({ check: name, metric, rows }, 'rows')
      const counts = count(tested)
      const value = sumOf(counts)
      const worst = causesOf('column', counts, rows)
      const measured = { check: name, metric, rows, value, threshold: 1, worst }
      return value === 0
        ? passed({ ...measured, fraction: 0 })
        : failed({ ...measured, fraction: Math.min(1, value / rows) }, 'none', 'warn')
    },
  }
}

/** Values that cannot be, one of which is enough. */
export const IMPOSSIBLE_VALUES: readonly WindowCheck[] = [
  checkOf('future', 'timestamps more than 5 minutes ahead', ({ future }) => future),
  checkOf('order', 'ends before their starts', ({ reversed }) => reversed),
  checkOf('negative', 'numbers below zero', ({ negative }) => negative),
]
