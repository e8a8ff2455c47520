import type { Dataset } from '@hq-export/contract'
import type { WorkingTree } from '../repository/working-tree.ts'

/** What the commands that govern the contract work on. */
export interface Governed {
  readonly tree: WorkingTree
  readonly datasets: readonly Dataset[]
  /** The gateway's description of itself, JSON; asking costs a process. */
  readonly readOpenApi: () => string
  /** This day in UTC, as `2026-11-28`. */
  readonly today: () => string
}
