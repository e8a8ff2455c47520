import { columnOf, type Dataset } from '@hq-export/contract'
import type { Profile } from '../../profile/profile.ts'
import { chiSquared, dispersion } from '../statistics/dispersion.ts'
import { type Certainty, exceeds, leastExceeding } from '../statistics/exceeds.ts'
import { MIN_BASELINE_ROWS, MIN_ROWS } from '../statistics/min-rows.ts'
import {
  smoothedShares,
  stabilityTerms,
  stabilityThreshold,
} from '../statistics/population-stability.ts'
import { thin } from '../statistics/thin.ts'
import { type Cause, failed, passed, undecided, type Verdict } from '../verdict.ts'
import type { WindowCheck, WindowInput } from './check.ts'
import { type MixCell, mixCells, total } from './mix/run-mix.ts'
import { expectedOf, type UsualMix, usualMix } from './mix/usual-mix.ts'
import { worstParts } from './mix/worst-parts.ts'

/** Distributions that differ by less are called the same, however many rows there are. */
const LEAST_INDEX = 0.1
/** Of the bad ending alone. */
const BAD_MARGIN = 0.02
/**
 * Counts are whole, so what is told of the bad ending is rarer than this: less than one window in a
 * thousand, from 20 rows to 5,000 (`simulation.test.ts`), and as many changes are found as may be.
 */
const BAD_CERTAINTY: Certainty = { chance: 0.0015, z: 2.8 }

const NAME = 'status'

function endingCounts(cells: readonly MixCell[], endings: number): number[] {
  const sums = new Array<number>(endings).fill(0)
  for (const { counts } of cells) {
    for (const [index, count] of counts.entries()) sums[index] = (sums[index] ?? 0) + count
  }
  return sums
}

/** How much hours of the baseline differ from what their own mix lets one expect. */
function dispersions(
  hours: readonly Profile[],
  endings: readonly string[],
  bad: number,
  usual: UsualMix,
): { readonly all: number; readonly bad: number } {
  const all: number[] = []
  const ofBad: number[] = []
  for (const hour of hours) {
    const cells = mixCells(hour, endings)
    const { shares, rows } = expectedOf(cells, usual, endings.length)
    if (rows === 0) continue
    const counts = endingCounts(cells, endings.length)
    const [count = 0, share = 0] = [counts[bad], shares[bad]]
    all.push(chiSquared(counts, shares))
    ofBad.push(chiSquared([count, rows - count], [share, 1 - share]))
  }
  return { all: dispersion(all, endings.length - 1), bad: dispersion(ofBad, 1) }
}

/** The ending of which there are more than usual and whose term of the index is the largest. */
function standingOut(
  terms: readonly number[],
  shares: readonly number[],
  usual: readonly number[],
): number {
  const above = terms.map((term, at) => ((shares[at] ?? 0) > (usual[at] ?? 0) ? term : 0))
  return above.indexOf(Math.max(...above))
}

function judge(
  { dataset, tested, baseline }: WindowInput,
  { column, bad, by }: NonNullable<Dataset['quality']['distribution']>,
): Verdict {
  const endings = columnOf(dataset, column).values ?? []
  const badAt = endings.indexOf(bad)
  const cells = mixCells(tested, endings)
  const counts = endingCounts(cells, endings.length)
  const rows = total(counts)
  const base = { check: NAME, metric: `distribution of ${column}`, rows }
  if (rows < MIN_ROWS) return undecided(base, 'rows')
  const usual = usualMix(
    baseline.alike.flatMap((hour) => mixCells(hour, endings)),
    endings.length,
  )
  if (baseline.total < baseline.warmUp || usual.rows < MIN_BASELINE_ROWS) {
    return undecided(base, 'baseline')
  }
  const expected = expectedOf(cells, usual, endings.length)
  const phi = dispersions(baseline.alike, endings, badAt, usual)
  if (rows / phi.all < MIN_ROWS) return undecided(base, 'rows')

  const badShare = { count: counts[badAt] ?? 0, of: rows }
  const usualBad = expected.shares[badAt] ?? 0
  const thinned = thin(badShare, phi.bad)
  const known = thin(
    { count: usualBad * expected.baselineRows, of: expected.baselineRows },
    phi.bad,
  )
  const parts = worstParts(cells, usual, badAt, phi.bad, by)
  const ofBad = {
    ...base,
    metric: `share of ${bad} rows`,
    value: badShare.count / rows,
    threshold: leastExceeding(thinned.of, known, BAD_MARGIN, BAD_CERTAINTY),
    baseline: usualBad,
    fraction: badShare.count / rows,
  }
  const cause = (at: number): Cause => ({
    what: column,
    name: endings[at] ?? '',
    count: counts[at] ?? 0,
    of: rows,
    usual: expected.shares[at] ?? 0,
  })
  if (thinned.of >= MIN_ROWS && exceeds(thinned, known, BAD_MARGIN, BAD_CERTAINTY)) {
    return failed({ ...ofBad, worst: [...parts.causes, cause(badAt)] }, bad, 'warn')
  }
  if (parts.isClear) return failed({ ...ofBad, worst: parts.causes }, `${bad} of a part`, 'warn')

  const shares = smoothedShares(counts)
  const terms = stabilityTerms(shares, expected.shares)
  const index = total(terms)
  const threshold = stabilityThreshold(
    endings.length,
    rows,
    expected.baselineRows,
    phi.all,
    LEAST_INDEX,
  )
  const ofAll = { ...base, metric: `stability index of ${column}`, value: index, threshold }
  if (index <= threshold) return passed({ ...ofAll, baseline: 0 })
  const at = standingOut(terms, shares, expected.shares)
  const { causes } = worstParts(cells, usual, at, phi.all, by)
  const share = (counts[at] ?? 0) / rows
  return failed(
    { ...ofAll, baseline: 0, fraction: share, worst: [cause(at), ...causes] },
    'distribution',
    'warn',
  )
}

/**
 * How rows end, against how they usually do, whatever the mix of operations is: all endings by the
 * stability index, the bad one by itself and in one direction, and that of an operation or a
 * provider where it stands out.
 */
export function statusCheck(
  distribution: NonNullable<Dataset['quality']['distribution']>,
): WindowCheck {
  return { name: NAME, judge: (input) => judge(input, distribution) }
}
