/**
 * An insert that raced with the delete of its key: its transaction had a snapshot from before, as
 * REPEATABLE READ keeps one, so its capture did not see the base that the delete left, and exported
 * a version below it. HQ keeps the delete.
 */
export interface DeleteRace {
  /** Number of the dataset in the contract. */
  readonly dataset: number
  readonly key: string
  /** Version that it was exported under. */
  readonly version: string
}
