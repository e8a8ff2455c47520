import type { Profile } from '../../../apps/hq-ingest/src/profile/profile.ts'
import { type Cell, profileOf, runsOf } from './profiles.ts'

/** What goes wrong in a window. */
export type Fault =
  | 'provider fails'
  | 'domains are lost'
  | 'new event type'
  | 'operation stops'
  | 'none'

/** Of each dataset that has a part in it. */
export type Rows = Readonly<Record<string, Profile>>

/** Runs of a quarter of an hour: operation, provider, how many, and how many of 100 fail. */
const KINDS = [
  ['company.enrich.profile', 'prospeo', 100, 6],
  ['company.enrich.profile', 'apollo', 50, 5],
  ['person.find.email', 'hunter', 70, 8],
  ['person.verify.email', 'bouncer', 30, 20],
] as const
const EVENT_TYPES = ['request_sent', 'response_received', 'retry_scheduled', 'state_change']
const COMPANIES = 120

function countOf(random: () => number, rows: number, share: number): number {
  let count = 0
  for (let row = 0; row < rows; row++) if (random() < share) count++
  return count
}

/** About as many, as it comes by chance: that of a Poisson distribution, near enough. */
function about(random: () => number, mean: number): number {
  return countOf(random, mean * 2, 0.5)
}

/**
 * The rows of a quarter of an hour, or of `quarters` of them.
 * @param random uniform numbers that a seed repeats.
 */
export function workload(random: () => number, fault: Fault = 'none', quarters = 1): Rows {
  const cells = KINDS.flatMap(([operation, provider, mean, failing]): Cell[] => {
    if (fault === 'operation stops' && operation === 'person.find.email') return []
    const share = fault === 'provider fails' && provider === 'prospeo' ? 0.7 : failing / 100
    const rows = about(random, mean * quarters)
    const failed = countOf(random, rows, share)
    return [[operation, provider, { succeeded: rows - failed, failed }]]
  })
  const runs = runsOf(...cells)
  const types = Object.fromEntries(
    EVENT_TYPES.map((type) => [type, about(random, runs.inserted)] as const),
  )
  if (fault === 'new event type') types.teleported = 3 * quarters
  const events = Object.values(types).reduce((sum, count) => sum + count, 0)
  const companies = about(random, COMPANIES * quarters)
  const missing = countOf(random, companies, fault === 'domains are lost' ? 1 : 0.144)
  return {
    dx_operation_runs_v1: runs,
    dx_operation_events_v1: profileOf(events, { values: { event_type: types } }),
    dx_company_entities_v1: {
      ...profileOf(0, {
        missing: { canonical_domain: missing },
        nulls: { canonical_domain: missing },
      }),
      rows: companies,
      updated: companies,
    },
  }
}
