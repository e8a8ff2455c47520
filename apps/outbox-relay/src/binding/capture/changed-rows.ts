import type { CapturedDataset } from './captured-body.ts'
import type { RawRows } from './raw-rows.ts'

/*
 * A capture fires for each statement and reads the rows from a transition table: `n` has them as
 * the statement left them, `o` as they were. PostgreSQL keeps such a table in memory up to the
 * writer's work_mem and beyond that in a temporary file, so where these are limited a large
 * statement would fail because its table is bound, before any function of ours runs. There captures
 * fire for each row, with `new` and `old` (decision 0017).
 */

/** The changed rows as they are, or as they were. */
export type Side = 'new' | 'old'

const TRANSITION_TABLE = { new: 'n', old: 'o' } as const

/** SQL of the changed rows of a firing, to stand in FROM as `r`. */
export function changedRows({ rowForm }: CapturedDataset, side: Side): string {
  return rowForm === undefined ? `${TRANSITION_TABLE[side]} r` : `(select ${side}.*) r`
}

/** The same rows for when they have to be kept raw. */
export function rawRows({ rowForm }: CapturedDataset, side: Side): RawRows {
  return rowForm === undefined
    ? { kind: 'transition', table: TRANSITION_TABLE[side] }
    : { kind: 'record', record: side }
}
