import { discoveries } from '../../statistics/discoveries.ts'
import { exceeds } from '../../statistics/exceeds.ts'
import { MIN_ROWS } from '../../statistics/min-rows.ts'
import { type Ended, outageEvidence } from '../../statistics/outage-evidence.ts'
import { predictiveTail } from '../../statistics/predictive-tail.ts'
import { type Share, smoothedShare } from '../../statistics/share.ts'
import { thin } from '../../statistics/thin.ts'
import type { Cause } from '../../verdict.ts'
import { type MixCell, OTHERS, total } from './run-mix.ts'
import type { UsualMix } from './usual-mix.ts'

/** Share of false ones among the parts that are named. */
const FALSE_SHARE = 0.01
/** By how much a part alone must lie above what is usual for it to be told by itself. */
const PART_MARGIN = 0.1
/** Parts that are named. */
const MAX_NAMED = 3

/** Rows of one operation or one provider. */
interface Part {
  readonly what: string
  readonly name: string
  count: number
  of: number
  expected: number
  /** Rows of it in the baseline. */
  readonly known: number
  readonly cells: Ended[]
}

/** What stands out, and whether it does so clearly that it is told, whatever all rows say. */
export interface WorstParts {
  readonly causes: readonly Cause[]
  readonly isClear: boolean
}

function partsOf(
  cells: readonly MixCell[],
  usual: UsualMix,
  ending: number,
  [byOperation, byProvider]: readonly [string, string],
): Part[] {
  const parts = new Map<string, Part>()
  for (const cell of cells) {
    if (cell.operation === OTHERS) continue
    const ways = [
      { what: byOperation, name: cell.operation, known: usual.byOperation.get(cell.operation) },
      { what: byProvider, name: cell.provider, known: usual.byProvider.get(cell.provider) },
    ]
    const count = cell.counts[ending] ?? 0
    const of = total(cell.counts)
    const share = usual.sharesOf(cell)[ending] ?? 0
    const ended = { count, of, usual: smoothedShare({ count: share * usual.rows, of: usual.rows }) }
    for (const { what, name, known } of ways) {
      // Runs without a provider are no part of their own.
      if (name === '') continue
      const key = JSON.stringify([what, name])
      let part = parts.get(key)
      if (part === undefined) {
        part = { what, name, count: 0, of: 0, expected: 0, known: total(known ?? []), cells: [] }
        parts.set(key, part)
      }
      part.count += count
      part.of += of
      part.expected += of * share
      part.cells.push(ended)
    }
  }
  return [...parts.values()]
}

/** What the baseline has shown of a part, or, where it has never seen it, of all rows. */
function usualOf({ of, expected, known }: Part, usual: UsualMix): Share {
  const rows = known === 0 ? usual.rows : known
  return { count: (expected / of) * rows, of: rows }
}

/**
 * The operations and providers of whose runs more end in one way than usual; the one that explains
 * most of them first.
 * @param ending its place among the endings.
 * @param dispersion by how much windows differ more than by chance.
 */
export function worstParts(
  cells: readonly MixCell[],
  usual: UsualMix,
  ending: number,
  dispersion: number,
  names: readonly [string, string],
): WorstParts {
  const parts = partsOf(cells, usual, ending, names)
  const compared = parts.map((part) => {
    const baseline = usualOf(part, usual)
    return {
      part,
      usualShare: smoothedShare(baseline),
      current: thin(part, dispersion),
      baseline: thin(baseline, dispersion),
    }
  })
  const found = discoveries(
    compared.map(({ current, baseline }) => predictiveTail(current, baseline)),
    FALSE_SHARE,
  )
  const standing = compared
    .filter((_, index) => found[index])
    .sort((a, b) => outageEvidence(b.part.cells) - outageEvidence(a.part.cells))
  const isClear = standing.some(({ part, current, baseline }) => {
    if (part.known === 0 || current.of < MIN_ROWS || baseline.of < MIN_ROWS) return false
    return exceeds(current, baseline, PART_MARGIN)
  })
  const causes = standing.slice(0, MAX_NAMED).map(({ part, usualShare }) => {
    const { what, name, count, of } = part
    return { what, name, count, of, usual: usualShare }
  })
  return { causes, isClear }
}
