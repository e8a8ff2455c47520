import type { Profile } from '../../../apps/hq-ingest/src/profile/profile.ts'

const EMPTY: Profile = {
  rows: 0,
  inserted: 0,
  updated: 0,
  superseded: 0,
  duplicate: 0,
  stale: 0,
  refused: {},
  deletes: 0,
  bytes: 0,
  missing: {},
  nulls: {},
  empty: {},
  future: {},
  reversed: {},
  negative: {},
  meaningless: {},
  values: {},
  mix: {},
  mixRest: {},
  delays: {},
  unknown: {},
  first: null,
  last: null,
}

/** A profile of so many inserted rows, with what a test says of them. */
export function profileOf(inserted: number, counts: Partial<Profile> = {}): Profile {
  return { ...EMPTY, rows: inserted, inserted, ...counts }
}

/** Runs of one cell of the mix: operation, provider, and rows by status. */
export type Cell = readonly [
  operation: string,
  provider: string,
  statuses: Readonly<Record<string, number>>,
]

/** A profile of runs, cell by cell. */
export function runsOf(...cells: readonly Cell[]): Profile {
  const mix: Record<string, Record<string, Record<string, number>>> = {}
  const statuses: Record<string, number> = {}
  let rows = 0
  for (const [operation, provider, counts] of cells) {
    const byProvider = mix[operation] ?? {}
    byProvider[provider] = { ...counts }
    mix[operation] = byProvider
    for (const [status, count] of Object.entries(counts)) {
      statuses[status] = (statuses[status] ?? 0) + count
      rows += count
    }
  }
  return profileOf(rows, { mix, values: { status: statuses } })
}
