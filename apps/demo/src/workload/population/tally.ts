import { DATASETS, type DatasetName } from '@hq-export/contract'

/** What committed transactions have written for export, and how transactions ended. */
export interface Tally {
  readonly rows: ReadonlyMap<DatasetName, number>
  readonly committedRows: number
  readonly committed: number
  readonly rolledBack: number
  /** Adds what one committed transaction has written. */
  commit(rows: ReadonlyMap<DatasetName, number>): void
  rollBack(): void
}

/** A tally of nothing. */
export function createTally(): Tally {
  const rows = new Map<DatasetName, number>(DATASETS.map(({ name }) => [name, 0]))
  let committedRows = 0
  let committed = 0
  let rolledBack = 0
  return {
    rows,
    get committedRows() {
      return committedRows
    },
    get committed() {
      return committed
    },
    get rolledBack() {
      return rolledBack
    },
    commit(written) {
      committed++
      for (const [dataset, count] of written) {
        rows.set(dataset, (rows.get(dataset) ?? 0) + count)
        committedRows += count
      }
    },
    rollBack() {
      rolledBack++
    },
  }
}
