import type { ContractState } from '../records/contract-state.ts'
import { addDays, WINDOW_DAYS } from '../rules/retirement.ts'
import { isReleased, refuse, type Step, withDataset } from './step.ts'

export interface DeprecateOptions {
  /** Versions that take its place; all of them published. */
  readonly successor: readonly string[]
  /** The coming release, which says so. */
  readonly release: string
  /** It is served until this day at least; a later one than before, where it was said before. */
  readonly sunset: string
}

/**
 * A version is said to end: it is published beside its successors until it is retired. Said again,
 * it only moves the sunset, and that never closer.
 * @param today as `2026-11-28`.
 */
export function deprecate(
  state: ContractState,
  name: string,
  { successor, release, sunset }: DeprecateOptions,
  today: string,
): Step {
  const { datasets } = state.lock
  const dataset = datasets[name]
  if (dataset === undefined) return refuse(`the lock has no ${name}`)
  const { status, deprecation } = dataset
  if (status === 'deprecated' && deprecation !== null) {
    if (sunset < deprecation.sunset) {
      return refuse(`consumers were told ${deprecation.sunset}; the sunset never moves earlier`)
    }
    return withDataset(state, name, { ...dataset, deprecation: { ...deprecation, sunset } })
  }
  if (status !== 'active') return refuse(`${name} is ${status}, and not active`)
  const unfit = successor.filter((each) => each === name || datasets[each]?.status !== 'active')
  if (unfit.length > 0) {
    return refuse(`no active version to move to: ${unfit.join(', ')}; publish it first`)
  }
  if (isReleased(state, release)) return refuse(`${release} is released; name the coming one`)
  const earliest = addDays(today, WINDOW_DAYS)
  if (sunset < earliest) {
    return refuse(`the window is ${WINDOW_DAYS} days: the sunset is ${earliest} at the earliest`)
  }
  return withDataset(state, name, {
    ...dataset,
    status: 'deprecated',
    deprecation: { release, date: today, successors: [...successor], sunset },
  })
}
