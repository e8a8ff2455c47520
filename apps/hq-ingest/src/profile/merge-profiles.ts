import type { Profile, RowsBy } from './profile.ts'
import { MAX_MIXED } from './row-counts.ts'
import { compareTimestamps } from './timestamps.ts'

/** The profile of no rows. */
export function emptyProfile(): Profile {
  return {
    ...{ rows: 0, inserted: 0, updated: 0, superseded: 0, duplicate: 0, stale: 0 },
    ...{ refused: {}, deletes: 0, bytes: 0 },
    ...{ missing: {}, nulls: {}, empty: {}, future: {}, reversed: {}, negative: {} },
    ...{ meaningless: {}, values: {}, mix: {}, mixRest: {}, delays: {}, unknown: {} },
    ...{ first: null, last: null },
  }
}

type Counts = { [name: string]: number | Counts }

/** Sums of all numbers, place by place. Names come from rows: no object has a prototype. */
function addCounts(sum: Counts, counts: Readonly<Record<string, unknown>>): Counts {
  for (const [name, value] of Object.entries(counts)) {
    const before = sum[name]
    if (typeof value === 'number') {
      sum[name] = (typeof before === 'number' ? before : 0) + value
    } else if (typeof value === 'object' && value !== null) {
      sum[name] = addCounts(
        typeof before === 'object' ? before : Object.create(null),
        value as Record<string, unknown>,
      )
    }
  }
  return sum
}

/** The earlier (-1) or the later (1) of two timestamps. */
function outer(a: string | null, b: string | null, sign: 1 | -1): string | null {
  if (a === null || b === null) return a ?? b
  return (compareTimestamps(a, b) || (a < b ? -1 : 1)) * sign > 0 ? a : b
}

/** The sum of profiles while it grows. */
export class ProfileSum {
  readonly #counts: Counts = addCounts(Object.create(null), emptyProfile() as unknown as Counts)
  #first: string | null = null
  #last: string | null = null

  /** Adds a profile, or the parts of one. */
  add(part: Partial<Profile>): void {
    addCounts(this.#counts, part as Counts)
    this.#first = outer(this.#first, part.first ?? null, -1)
    this.#last = outer(this.#last, part.last ?? null, 1)
  }

  toProfile(): Profile {
    return { ...(this.#counts as unknown as Profile), first: this.#first, last: this.#last }
  }
}

/** The sum of profiles: what the rows of all of them were like. */
export function mergeProfiles(profiles: Iterable<Partial<Profile>>): Profile {
  const sum = new ProfileSum()
  for (const profile of profiles) sum.add(profile)
  return sum.toProfile()
}

/** The same profile with no more of its runs told apart than are kept: the most frequent. */
export function bounded(profile: Profile): Profile {
  const mixed = Object.entries(profile.mix).flatMap(([operation, byProvider]) =>
    Object.entries(byProvider).flatMap(([provider, byStatus]) =>
      Object.entries(byStatus).map(([status, rows]) => ({ operation, provider, status, rows })),
    ),
  )
  if (mixed.length <= MAX_MIXED) return profile
  mixed.sort((a, b) => b.rows - a.rows)
  const mix: Record<string, Record<string, Record<string, number>>> = Object.create(null)
  const mixRest: Record<string, number> = Object.assign(
    Object.create(null),
    profile.mixRest satisfies RowsBy,
  )
  for (const [place, { operation, provider, status, rows }] of mixed.entries()) {
    if (place < MAX_MIXED) {
      mix[operation] ??= Object.create(null) as Record<string, Record<string, number>>
      const byProvider = mix[operation]
      byProvider[provider] ??= Object.create(null) as Record<string, number>
      byProvider[provider][status] = rows
    } else mixRest[status] = (mixRest[status] ?? 0) + rows
  }
  return { ...profile, mix, mixRest }
}
