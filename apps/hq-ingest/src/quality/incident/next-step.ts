import { type Severity, sizeOf, type Verdict } from '../verdict.ts'

/** So many windows in a row end an incident. */
const CLEAN_WINDOWS = 2
const HOUR_MS = 3_600_000
/** After that long it is told once more, and then every day. */
const FIRST_REPEAT_MS = 4 * HOUR_MS
const REPEAT_MS = 24 * HOUR_MS

/** What is open of a check. */
export interface OpenIncident {
  readonly id: string
  readonly severity: Severity
  readonly cleanWindows: number
  readonly repeats: number
  /** Milliseconds since the epoch. */
  readonly toldAt: number
  /** What was measured when it was told last. */
  readonly size: number
}

/** What a window does to the incident of a check. */
export type IncidentStep =
  /** Neither good nor bad, or good and nothing is open. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'open' }
  /** @prop isTold it is said once more. */
  | { readonly kind: 'fail'; readonly isTold: boolean; readonly severity: Severity }
  | { readonly kind: 'clean' }
  | { readonly kind: 'close' }

/**
 * One incident per check: opened by the first window that fails, told again after four hours, then
 * every day, or at once where it has doubled or has become graver; closed by two clean windows. A
 * window with too few rows is neither.
 * @param at end of the window, milliseconds since the epoch.
 */
export function nextStep(
  open: OpenIncident | undefined,
  verdict: Verdict,
  at: number,
): IncidentStep {
  if (verdict.verdict === 'not_enough_rows') return { kind: 'nothing' }
  if (verdict.verdict === 'pass') {
    if (open === undefined) return { kind: 'nothing' }
    return { kind: open.cleanWindows + 1 >= CLEAN_WINDOWS ? 'close' : 'clean' }
  }
  if (open === undefined) return { kind: 'open' }
  const isGraver = verdict.severity === 'page' && open.severity === 'warn'
  const isDue = at - open.toldAt >= (open.repeats === 0 ? FIRST_REPEAT_MS : REPEAT_MS)
  const hasDoubled = open.size > 0 && sizeOf(verdict) >= 2 * open.size
  return {
    kind: 'fail',
    isTold: isGraver || isDue || hasDoubled,
    severity: isGraver ? 'page' : open.severity,
  }
}
