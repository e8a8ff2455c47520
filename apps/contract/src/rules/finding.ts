import { hash } from 'node:crypto'
import type { RuleId } from './rules.ts'

/** That a rule is broken, where, and by what change. */
export interface Finding {
  readonly rule: RuleId
  /** A dataset version, a consumer, or a file of the contract's folder. */
  readonly subject: string
  readonly column?: string
  /** Member of the lock, or of the file. */
  readonly member: string
  readonly before: string | null
  readonly after: string | null
  /** What the working tree was compared with; absent where it is wrong by itself. */
  readonly against?: string
}

/**
 * Name of a finding in `waivers.json`: 12 hexadecimal digits that stay while the same change breaks
 * the same rule in the same place, whatever it was compared with.
 */
export function fingerprintOf({ rule, subject, column, member, before, after }: Finding): string {
  const text = JSON.stringify([rule, subject, column ?? null, member, before, after])
  return hash('sha256', text).slice(0, 12)
}
