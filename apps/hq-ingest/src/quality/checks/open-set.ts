import { type Cause, failed, passed, undecided } from '../verdict.ts'
import type { WindowCheck } from './check.ts'
import { sumOf } from './counts.ts'

/** Values that are named. */
const MAX_NAMED = 5

const PREFIX = 'open_set.'

/** Name of the check of an open set. */
export function openSetCheckName(column: string): string {
  return `${PREFIX}${column}`
}

/** True for the name of a check of an open set. */
export function isOpenSetCheck(check: string): boolean {
  return check.startsWith(PREFIX)
}

/** Values of an open set that were never seen before. */
export function openSet(column: string): WindowCheck {
  const name = openSetCheckName(column)
  return {
    name,
    judge({ tested, baseline, known }) {
      const counts = tested.values[column] ?? {}
      const rows = sumOf(counts)
      const base = { check: name, metric: `values of ${column} that are new`, rows }
      if (rows === 0) return undecided(base, 'rows')
      if (baseline.total < baseline.warmUp) return undecided(base, 'baseline')
      const unknown = Object.entries(counts)
        .filter(([value, count]) => count > 0 && !known[column]?.has(value))
        .map(([value, count]): Cause => {
          return { what: column, name: value, count, of: rows, usual: 0 }
        })
        .sort((a, b) => b.count - a.count)
      const count = unknown.reduce((sum, cause) => sum + cause.count, 0)
      const measured = {
        ...base,
        value: unknown.length,
        threshold: 1,
        baseline: 0,
        fraction: count / rows,
        worst: unknown.slice(0, MAX_NAMED),
      }
      return unknown.length === 0 ? passed(measured) : failed(measured, 'known', 'warn')
    },
  }
}
