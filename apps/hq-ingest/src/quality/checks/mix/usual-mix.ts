import { smoothedShares } from '../../statistics/population-stability.ts'
import { addTo, type MixCell, OTHERS, total } from './run-mix.ts'

/** An operation that was seldom seen counts as so many more rows of the usual. */
const PRIOR_ROWS = 10

/** How runs usually end. */
export interface UsualMix {
  readonly rows: number
  readonly byOperation: ReadonlyMap<string, readonly number[]>
  readonly byProvider: ReadonlyMap<string, readonly number[]>
  /** Shares of how runs of a cell usually end; one that never did has none. */
  readonly sharesOf: (cell: MixCell) => readonly number[]
}

/** Learns from the cells of a baseline. */
export function usualMix(cells: readonly MixCell[], endings: number): UsualMix {
  const all = new Array<number>(endings).fill(0)
  const byOperation = new Map<string, number[]>()
  const byProvider = new Map<string, number[]>()
  const byCell = new Map<string, number[]>()
  for (const { operation, provider, counts } of cells) {
    for (const [index, count] of counts.entries()) all[index] = (all[index] ?? 0) + count
    if (operation === OTHERS) continue
    addTo(byOperation, operation, counts)
    addTo(byProvider, provider, counts)
    addTo(byCell, JSON.stringify([operation, provider]), counts)
  }
  const rows = total(all)
  const usual = all.map((count) => (rows === 0 ? 0 : count / rows))
  const towards = (counts: readonly number[] | undefined, prior: readonly number[]) => {
    if (counts === undefined) return prior
    const known = total(counts) + PRIOR_ROWS
    return counts.map((count, index) => (count + PRIOR_ROWS * (prior[index] ?? 0)) / known)
  }
  const operationShares = new Map(
    Array.from(byOperation, ([name, counts]) => [name, towards(counts, usual)] as const),
  )
  const cellShares = new Map<string, readonly number[]>()
  return {
    rows,
    byOperation,
    byProvider,
    sharesOf({ operation, provider }) {
      const key = JSON.stringify([operation, provider])
      let shares = cellShares.get(key)
      if (shares === undefined) {
        shares = towards(byCell.get(key), operationShares.get(operation) ?? usual)
        cellShares.set(key, shares)
      }
      return shares
    },
  }
}

/** What cells should look like, by how runs of each of them usually end. */
export interface Expected {
  readonly rows: number
  /** Smoothed: none is zero. */
  readonly shares: readonly number[]
  /** Rows of a baseline that are worth as much, with its mix as uneven as it is. */
  readonly baselineRows: number
}

/** Adjusts the usual to the mix of cells: that there are more of a kind is no change of its own. */
export function expectedOf(cells: readonly MixCell[], usual: UsualMix, endings: number): Expected {
  const sums = new Array<number>(endings).fill(0)
  const weights = new Map<string, number>()
  let rows = 0
  for (const cell of cells) {
    const of = total(cell.counts)
    rows += of
    weights.set(cell.operation, (weights.get(cell.operation) ?? 0) + of)
    for (const [index, share] of usual.sharesOf(cell).entries()) {
      sums[index] = (sums[index] ?? 0) + of * share
    }
  }
  let variance = 0
  for (const [operation, weight] of weights) {
    const known = usual.byOperation.get(operation)
    const knownRows = known === undefined ? usual.rows : total(known) + PRIOR_ROWS
    variance += (weight / rows) ** 2 / Math.max(1, knownRows)
  }
  const baselineRows = rows === 0 ? 0 : 1 / variance
  const shares = smoothedShares(sums.map((sum) => (rows === 0 ? 0 : (sum / rows) * baselineRows)))
  return { rows, shares, baselineRows }
}
