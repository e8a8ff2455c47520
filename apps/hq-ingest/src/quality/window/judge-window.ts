import type { Dataset } from '@hq-export/contract'
import { mergeProfiles } from '../../profile/merge-profiles.ts'
import type { Profile } from '../../profile/profile.ts'
import type { Comparison, Span } from '../checks/check.ts'
import { windowChecks } from '../checks/window-checks.ts'
import { type Tolerances, tolerate, type Verdict } from '../verdict.ts'
import { baselineOf, type History } from './history.ts'
import { DAY_MS, MINUTE_MS, WINDOW_MS } from './time.ts'

/** Begins of windows whose rows are judged with those of later ones, by check. */
export type Pending = Readonly<Record<string, number>>

/** A window, and what is known when it is judged. Times are milliseconds since the epoch. */
export interface WindowContext {
  readonly dataset: Dataset
  readonly end: number
  /** The last day of windows that had rows, by their begin. */
  readonly windows: ReadonlyMap<number, Profile>
  readonly history: History
  readonly pending: Pending
  readonly comparison: Comparison | undefined
  readonly known: Readonly<Record<string, ReadonlySet<string>>>
  readonly isHeard: boolean
  readonly tolerances: Tolerances
}

/** A verdict and the begin of the rows that it is about. */
export interface JudgedCheck {
  readonly begin: number
  readonly verdict: Verdict
}

/** What a window came to. */
export interface JudgedWindow {
  readonly checks: readonly JudgedCheck[]
  readonly pending: Pending
}

/** Too few rows are awaited for that long. */
const MAX_PENDING_MS = DAY_MS
const SPAN_MINUTES = [15, 60, 6 * 60, 24 * 60]

/** Sum of the windows from `begin` to `end`. */
function sumWindows(windows: ReadonlyMap<number, Profile>, begin: number, end: number): Profile {
  const profiles: Profile[] = []
  for (let at = begin; at < end; at += WINDOW_MS) {
    const profile = windows.get(at)
    if (profile !== undefined) profiles.push(profile)
  }
  return mergeProfiles(profiles)
}

/**
 * Judges one window by every check of its dataset. A check that had too few rows before judges
 * those rows now, with the new ones: windows add up until there are enough, for a day at most.
 */
export function judgeWindow(context: WindowContext): JudgedWindow {
  const { dataset, end, windows, history, pending: before, tolerances, ...known } = context
  const spans = SPAN_MINUTES.map((minutes): Span => {
    return { minutes, profile: sumWindows(windows, end - minutes * MINUTE_MS, end) }
  })
  const sums = new Map<number, Profile>()
  const pending: Record<string, number> = {}
  const checks = windowChecks(dataset).map(({ name, judge }): JudgedCheck => {
    const begin = Math.max(before[name] ?? end - WINDOW_MS, end - MAX_PENDING_MS)
    const tested = sums.get(begin) ?? sumWindows(windows, begin, end)
    sums.set(begin, tested)
    const baseline = baselineOf(history, name, begin, end)
    const verdict = tolerate(judge({ dataset, tested, baseline, spans, ...known }), tolerances)
    if (verdict.lacks === 'rows') pending[name] = begin
    return { begin, verdict }
  })
  return { checks, pending }
}
