import type { Measure } from '../scenario.ts'
import { median } from './median.ts'

/** The values of every round, ours and the anchor's. */
export interface MeasuredRounds {
  readonly name: string
  readonly unit: string
  /** Digits after the point; 0 unless given. */
  readonly digits?: number
  readonly ours: readonly number[]
  /** Left out where nothing compares. */
  readonly anchor?: { readonly name: string; readonly values: readonly number[] } | undefined
}

/** The medians of both sides, with the values that they come from. */
export function measureOf({ name, unit, digits = 0, ours, anchor }: MeasuredRounds): Measure {
  const rounded = (value: number) => Number(value.toFixed(digits))
  return {
    name,
    unit,
    ours: rounded(median(ours)),
    anchor: anchor === undefined ? null : rounded(median(anchor.values)),
    anchor_name: anchor?.name ?? null,
    ours_rounds: ours.map(rounded),
    anchor_rounds: anchor?.values.map(rounded) ?? null,
  }
}

/** How many times the anchor ours is, as people read it; empty where nothing compares. */
export function ratioOf({ ours, anchor }: Measure): string {
  return anchor === null ? '' : `${(ours / anchor).toFixed(2)}x`
}
