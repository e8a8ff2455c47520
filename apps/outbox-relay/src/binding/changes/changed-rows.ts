import pg from 'pg'
import { tableSql } from '../source-table.ts'
import type { CapturedDataset } from './captured-body.ts'
import type { RawRows } from './raw-rows.ts'

/*
 * A capture fires for each statement and reads the rows from a transition table: `n` has them as
 * the statement left them, `o` as they were. PostgreSQL keeps such a table in memory up to the
 * writer's work_mem and beyond that in a temporary file, so where these are limited a large
 * statement would fail because its table is bound, before any function of ours runs. There captures
 * fire for each row, with `new` and `old` (decision 0019).
 */

/** The changed rows as they are, or as they were. */
export type Side = 'new' | 'old'

const TRANSITION_TABLE = { new: 'n', old: 'o' } as const

/** SQL of the changed rows of a firing, to stand in FROM as `r`. */
export function changedRows(bound: CapturedDataset, side: Side): string {
  return bound.rowForm === undefined ? `${TRANSITION_TABLE[side]} r` : changedRow(bound, side)
}

/**
 * {@link changedRows} of a trigger that fires for each row in either form: `new` or `old` of a
 * trigger of `table`, to stand in FROM.
 *
 * A session keeps its plan of `new` alone when the table's columns change, and takes one that was
 * dropped and added again for NULL. A constant that names the table makes the plan depend on it,
 * and costs a firing nothing. `old` and `new` are read as rows in no other way.
 */
export function changedRow({ table }: { readonly table: string }, side: Side): string {
  return `(select ${side}.* where ${namesTable(table)}) r`
}

/** SQL that is true, and makes the plan of its statement depend on a table. */
export function namesTable(table: string): string {
  return `${pg.escapeLiteral(tableSql(table))}::regclass is not null`
}

/** The same rows for when they have to be kept raw. */
export function rawRows({ rowForm }: CapturedDataset, side: Side): RawRows {
  return rowForm === undefined
    ? { kind: 'transition', table: TRANSITION_TABLE[side] }
    : { kind: 'record', record: side }
}
