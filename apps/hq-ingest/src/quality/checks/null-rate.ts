import type { CriticalField } from '@hq-export/contract'
import type { Profile } from '../../profile/profile.ts'
import { chiSquared, dispersion } from '../statistics/dispersion.ts'
import { exceeds, leastExceeding } from '../statistics/exceeds.ts'
import { MIN_BASELINE_ROWS, MIN_ROWS } from '../statistics/min-rows.ts'
import { lowerBound, type Share, smoothedShare } from '../statistics/share.ts'
import { thin } from '../statistics/thin.ts'
import { type Cause, failed, passed, undecided } from '../verdict.ts'
import type { Baseline, Comparison, WindowCheck } from './check.ts'
import { writtenRows } from './counts.ts'

/** Less than that is nobody's concern. */
const MARGIN = 0.05

function missingIn(profile: Profile, field: string): Share {
  return { count: profile.missing[field] ?? 0, of: writtenRows(profile) }
}

function shareOf({ count, of }: Share): number {
  return of === 0 ? 0 : count / of
}

function usualOf(
  { alike: hours }: Baseline,
  field: string,
): Share & { readonly dispersion: number } {
  const shares = hours.map((hour) => missingIn(hour, field))
  const count = shares.reduce((sum, each) => sum + each.count, 0)
  const of = shares.reduce((sum, each) => sum + each.of, 0)
  const usual = smoothedShare({ count, of })
  const chiSquares = shares
    .filter((each) => each.of > 0)
    .map((each) => chiSquared([each.count, each.of - each.count], [usual, 1 - usual]))
  return { count, of, dispersion: dispersion(chiSquares, 1) }
}

/** How often a column of the field is NULL or empty. */
function unfilled({ nulls, empty }: Profile, column: string): number {
  return (nulls[column] ?? 0) + (empty[column] ?? 0)
}

function columnCauses(
  { anyOf }: CriticalField,
  tested: Profile,
  { alike: hours }: Baseline,
): Cause[] {
  const of = writtenRows(tested)
  const usualOf = hours.reduce((sum, hour) => sum + writtenRows(hour), 0)
  return anyOf
    .flat()
    .map((name) => {
      const usual = hours.reduce((sum, hour) => sum + unfilled(hour, name), 0)
      const count = unfilled(tested, name)
      return { what: 'column', name, count, of, usual: usualOf === 0 ? null : usual / usualOf }
    })
    .filter(({ count, usual }) => count / of > (usual ?? 0))
    .sort((a, b) => b.count / of - (b.usual ?? 0) - (a.count / of - (a.usual ?? 0)))
}

/**
 * Counts of both sides are taken while rows are on their way: they say something only where keys
 * differ.
 */
function differsBySide(comparison: Comparison | undefined, field: string): [Share, Share] | null {
  const counts = comparison?.nulls[field]
  if (comparison?.state !== 'different' || counts === undefined) return null
  const [source, hq] = counts
  if (source === hq) return null
  return [
    { count: source, of: comparison.sourceRows },
    { count: hq, of: comparison.hqRows },
  ]
}

/**
 * Rows without a critical field: as many as at the source, within the ceiling of the contract, and
 * no more than usual.
 */
export function nullRate(field: CriticalField): WindowCheck {
  const name = `null_rate.${field.name}`
  return {
    name,
    judge({ tested, baseline, comparison }) {
      const missing = missingIn(tested, field.name)
      const rows = missing.of
      const base = { check: name, metric: `share of rows without ${field.name}`, rows }
      const sides = differsBySide(comparison, field.name)
      if (sides !== null) {
        const [source, hq] = sides
        const [value, usual] = [shareOf(hq), shareOf(source)]
        const measured = { value, threshold: usual, baseline: usual, fraction: value }
        const worst = [{ what: 'side', name: 'HQ', ...hq, usual }]
        return failed({ ...base, ...measured, rows: hq.of, worst }, 'parity', 'page')
      }
      if (rows < MIN_ROWS) return undecided(base, 'rows')
      const ceiling = field.ceilingPercent / 100
      const value = shareOf(missing)
      const worst = columnCauses(field, tested, baseline)
      const seen = { ...base, value, fraction: value, worst }
      const usual = usualOf(baseline, field.name)
      const isKnown = baseline.total >= baseline.warmUp && usual.of >= MIN_BASELINE_ROWS
      const isUsual = isKnown ? { baseline: shareOf(usual) } : {}
      if (lowerBound(missing) > ceiling) {
        return failed({ ...seen, ...isUsual, threshold: ceiling }, 'ceiling', 'page')
      }
      if (!isKnown) return undecided({ ...seen, threshold: ceiling }, 'baseline')
      const thinned = thin(missing, usual.dispersion)
      if (thinned.of < MIN_ROWS) return undecided({ ...seen, ...isUsual }, 'rows')
      const rare = thin(usual, usual.dispersion)
      const threshold = leastExceeding(thinned.of, rare, MARGIN)
      const measured = { ...seen, ...isUsual, threshold }
      return exceeds(thinned, rare, MARGIN)
        ? failed(measured, 'drift', 'warn')
        : passed({ ...measured, worst: [] })
    },
  }
}
