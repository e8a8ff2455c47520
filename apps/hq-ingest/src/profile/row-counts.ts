import { DistinctTexts } from './distinct-texts.ts'
import type { RowsBy } from './profile.ts'
import type { ProfilePlan } from './profile-plan.ts'
import { timestampOf } from './timestamps.ts'

/** Clocks of a source and of HQ may differ by so much. */
const FUTURE_MS = 5 * 60 * 1000
const MAX_VALUES = 20
const MAX_OPERATIONS = 200
const MAX_PROVIDERS = 200
/** Runs by operation, provider and status that are told apart; the others are summed up. */
export const MAX_MIXED = 200
/** Above every number of a text. */
const RADIX = 1024

/** What is kept of a batch beside what its answer says: the counts of its rows, zeros left out. */
export type StoredProfile = Readonly<Record<string, unknown>>

/** Adds to a count; the object has no prototype. */
export function addTo(counts: Record<string, number>, name: string, count: number): void {
  if (count > 0) counts[name] = (counts[name] ?? 0) + count
}

export function noCounts(): Record<string, number> {
  return Object.create(null)
}

/** The counts of rows that a batch brought into HQ, whichever way reads them. */
export class RowCounts {
  readonly plan: ProfilePlan
  /** A timestamp above it lies in the future. */
  readonly futureAfter: string
  readonly missing = noCounts()
  readonly nulls = noCounts()
  readonly empty = noCounts()
  readonly future = noCounts()
  readonly reversed = noCounts()
  readonly negative = noCounts()
  readonly meaningless = noCounts()
  readonly unknown = noCounts()
  first: string | null = null
  last: string | null = null
  /** One for each of the plan's sets. */
  readonly sets: readonly DistinctTexts[]
  readonly #setCounts: readonly number[][]
  readonly operations = new DistinctTexts(MAX_OPERATIONS)
  readonly providers = new DistinctTexts(MAX_PROVIDERS)
  readonly statuses = new DistinctTexts(MAX_VALUES)
  readonly #mix = new Map<number, number>()
  readonly #mixRest: number[] = []

  /** @param nowMs milliseconds since the epoch. */
  constructor(plan: ProfilePlan, nowMs: number) {
    this.plan = plan
    this.futureAfter = timestampOf(nowMs + FUTURE_MS)
    this.sets = plan.sets.map(() => new DistinctTexts(MAX_VALUES))
    this.#setCounts = plan.sets.map(() => [])
  }

  /** A value of a set, by its number among the set's texts. */
  countValue(set: number, number: number): void {
    const counts = this.#setCounts[set]
    if (counts !== undefined) counts[number] = (counts[number] ?? 0) + 1
  }

  /** A run, by the numbers of its texts; provider 0 for none. */
  countMixed(operation: number, provider: number, status: number): void {
    const key = (operation * RADIX + provider) * RADIX + status
    const count = this.#mix.get(key)
    // An operation that is one of the others has no name.
    if (operation > 0 && (count !== undefined || this.#mix.size < MAX_MIXED)) {
      this.#mix.set(key, (count ?? 0) + 1)
    } else this.#mixRest[status] = (this.#mixRest[status] ?? 0) + 1
  }

  #values(): Record<string, RowsBy> {
    const values: Record<string, RowsBy> = Object.create(null)
    for (const [set, { name }] of this.plan.sets.entries()) {
      const counts = noCounts()
      for (const [number, text] of (this.sets[set]?.texts() ?? []).entries()) {
        addTo(counts, text, this.#setCounts[set]?.[number] ?? 0)
      }
      values[name] = counts
    }
    return values
  }

  #mixed(): Record<string, Record<string, Record<string, number>>> {
    const mix: Record<string, Record<string, Record<string, number>>> = Object.create(null)
    const [operations, providers, statuses] = [this.operations, this.providers, this.statuses].map(
      (texts) => texts.texts(),
    )
    for (const [key, count] of this.#mix) {
      const operation = operations?.[Math.floor(key / RADIX / RADIX)] ?? ''
      const provider = providers?.[Math.floor(key / RADIX) % RADIX] ?? ''
      const byProvider = mix[operation] ?? Object.create(null)
      mix[operation] = byProvider
      const byStatus = byProvider[provider] ?? noCounts()
      byProvider[provider] = byStatus
      addTo(byStatus, statuses?.[key % RADIX] ?? '', count)
    }
    return mix
  }

  /** As it is kept. */
  toStored(): StoredProfile {
    const mixRest = noCounts()
    for (const [number, text] of this.statuses.texts().entries()) {
      addTo(mixRest, text, this.#mixRest[number] ?? 0)
    }
    const { missing, nulls, empty, future, reversed, negative, meaningless, unknown } = this
    const groups = {
      ...{ missing, nulls, empty, future, reversed, negative, meaningless, unknown, mixRest },
      values: this.#values(),
      mix: this.#mixed(),
    }
    const counted = Object.entries(groups).filter(([, group]) => Object.keys(group).length > 0)
    return {
      ...Object.fromEntries(counted),
      ...(this.first !== null && { first: this.first, last: this.last }),
    }
  }
}
