import type { Dataset, DatasetReconciliation } from '@hq-export/contract'
import type { Profile } from '../../profile/profile.ts'
import type { Verdict } from '../verdict.ts'

/** The usual: whole hours before what is tested, those of incidents left out. */
export interface Baseline {
  /** Hours in which rows came. */
  readonly hours: readonly Profile[]
  /** The same hour of other weeks, where it was seen often enough; else all of them. */
  readonly alike: readonly Profile[]
  /** All of them, those without rows included. */
  readonly total: number
  /** Of them so many make known what is usual. */
  readonly warmUp: number
}

/** The last comparison of a dataset with its source that says something of all of it. */
export interface Comparison {
  readonly state: DatasetReconciliation['state']
  readonly nulls: DatasetReconciliation['nulls']
  readonly sourceRows: number
  readonly hqRows: number
  /** Keys that differ, by class. */
  readonly findings: Readonly<Record<string, number>>
}

/** Rows up to the end of what is tested, in so many minutes. */
export interface Span {
  readonly minutes: number
  readonly profile: Profile
}

/** What a check of a window looks at. */
export interface WindowInput {
  readonly dataset: Dataset
  /** Sum of the rows that were not judged before. */
  readonly tested: Profile
  readonly baseline: Baseline
  /** The last minutes, the shortest span first. */
  readonly spans: readonly Span[]
  readonly comparison: Comparison | undefined
  /** Values of open sets that were seen before, by column. */
  readonly known: Readonly<Record<string, ReadonlySet<string>>>
  /** True while the source is heard of, so that what does not come was not sent. */
  readonly isHeard: boolean
}

/** A check of windows. */
export interface WindowCheck {
  readonly name: string
  readonly judge: (input: WindowInput) => Verdict
}

/** Hours of a week, before which nobody knows what is usual. */
export const WARM_UP_HOURS = 7 * 24
/** Of a day, where somebody has said that it is as usual since then: each hour was seen once. */
export const ACCEPTED_WARM_UP_HOURS = 24
