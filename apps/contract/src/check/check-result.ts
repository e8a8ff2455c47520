import type { Stale } from '../generate/stale.ts'
import type { Judged } from '../rules/apply-waivers.ts'
import { type Kind, RULES, type Severity } from '../rules/rules.ts'
import type { Place } from './locate.ts'

/** A finding with everything that a report says of it. */
export interface Reported extends Judged {
  readonly severity: Severity
  readonly kind: Kind
  readonly says: string
  readonly wayOut: string
  readonly place: Place
}

/** What a check has come to. */
export interface CheckResult {
  /** What the working tree was compared with, in words. */
  readonly comparedWith: string
  readonly findings: readonly Reported[]
  readonly stale: readonly Stale[]
}

/** Everything that a rule says of a finding of it. */
export function reported(judged: Judged, place: Place): Reported {
  const { severity, kind, says, wayOut } = RULES[judged.rule]
  return { ...judged, severity, kind, says, wayOut, place }
}

function isOpen({ severity, waived }: Reported): boolean {
  return severity === 'error' && waived === undefined
}

/**
 * Exit status: 0 good, 1 something breaks readers, 2 a generated file is stale, 3 a rule of
 * publishing is broken. The first of them, where there are several.
 */
export function statusOf({ findings, stale }: CheckResult): 0 | 1 | 2 | 3 {
  const open = findings.filter(isOpen)
  if (open.some(({ kind }) => kind === 'breaking')) return 1
  if (stale.length > 0) return 2
  return open.length > 0 ? 3 : 0
}
