import { DATASETS, type Dataset } from '@hq-export/contract'
import { type LedgerCounts, profileParts } from '@hq-export/hq-ingest/profile/batch-profile.ts'
import { mergeProfiles } from '@hq-export/hq-ingest/profile/merge-profiles.ts'
import type { Profile, RowsBy } from '@hq-export/hq-ingest/profile/profile.ts'

/** Rows of each filled batch. */
export const ROWS = 200
export const BATCH_BYTES = 200_000

const OPERATIONS = 12
const PROVIDERS = ['prospeo', 'blitzapi', 'companyenrich']

function evenly(names: readonly string[], rows: number): RowsBy {
  return Object.fromEntries(names.map((name) => [name, Math.ceil(rows / names.length)]))
}

function mixOf(statuses: RowsBy) {
  const byProvider = Object.fromEntries(PROVIDERS.map((provider) => [provider, statuses]))
  const names = Array.from({ length: OPERATIONS }, (_, number) => `company.enrich.step_${number}`)
  return Object.fromEntries(names.map((name) => [name, byProvider]))
}

function storedOf({ columns, criticalFields, quality }: Dataset): LedgerCounts['profile'] {
  const sets = columns.filter(({ values }) => values !== undefined && values.length > 1)
  const nullable = columns.filter(({ nullable }) => nullable).map(({ name }) => name)
  return {
    nulls: evenly(nullable, ROWS * 3),
    missing: Object.fromEntries(criticalFields.map(({ name }) => [name, 3])),
    values: Object.fromEntries(sets.map(({ name, values }) => [name, evenly(values ?? [], ROWS)])),
    mix: quality.distribution === undefined ? {} : mixOf({ succeeded: 5, failed: 1 }),
    delays: { '0': ROWS - 20, '1': 15, '2': 5 },
    ...{ first: '2026-01-01T00:00:00.000000Z', last: '2026-01-01T00:01:00.000000Z' },
  }
}

/** What the rows of a batch of each dataset are like, in the order of the contract, as it is kept. */
export const STORED: readonly LedgerCounts['profile'][] = DATASETS.map(storedOf)

const counts = {
  ...{ received: ROWS, inserted: ROWS - 20, updated: 20, superseded: 0, duplicate: 0, stale: 0 },
  quarantined: 0,
}
export const COUNTS = counts

/** The sum of so many batches of a dataset, as the roll-up makes it. */
export function sumOf(dataset: string, batches: number): Profile {
  const place = DATASETS.findIndex(({ name }) => name === dataset)
  const one = mergeProfiles(
    profileParts({ counts, bytes: BATCH_BYTES, profile: STORED[place] ?? {} }),
  )
  const times = (_: string, value: unknown) => (typeof value === 'number' ? value * batches : value)
  return JSON.parse(JSON.stringify(one, times)) as Profile
}
