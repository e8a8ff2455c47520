import type { Counts } from '@hq-export/contract'
import type { Profile } from './profile.ts'
import type { StoredProfile } from './row-counts.ts'

const DELAY_CAP_S = 2 ** 31

/**
 * How long the first row of a batch was on its way, as the power of two above it, in seconds; '0'
 * for up to one. By two clocks: what seems to come from the future took no time.
 */
export function delayOf(capturedAt: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(capturedAt)) / 1000
  if (!(seconds > 1)) return '0'
  return String(2 ** Math.ceil(Math.log2(Math.min(seconds, DELAY_CAP_S))))
}

/** What of a batch's answer its profile consists of. */
export interface LedgerCounts {
  readonly counts: Counts
  readonly bytes: number
  readonly profile: StoredProfile
}

/** What the ledger entry of a batch holds of its profile, in parts that add up to it. */
export function profileParts({ counts, bytes, profile }: LedgerCounts): Partial<Profile>[] {
  const { received: rows, inserted, updated, superseded, duplicate, stale } = counts
  return [profile, { rows, inserted, updated, superseded, duplicate, stale, bytes }]
}
