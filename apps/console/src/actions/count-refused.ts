import type pg from 'pg'
import type { SideName } from './action.ts'
import { type RefusedSelection, refusedRows } from './refused-selection.ts'

/** More than this is not counted before something is done to all of it. */
export const MAX_COUNTED = 100_000

/**
 * How many rows a selection has, at most one more than {@link MAX_COUNTED}, by the index of causes.
 */
export async function countRefused(
  client: pg.ClientBase,
  side: SideName,
  selection: RefusedSelection,
): Promise<number> {
  const { from, text, values } = refusedRows(side, selection)
  const { rows } = await client.query<{ rows: number }>(
    `select pg_catalog.count(*)::int4 as rows
     from (select from ${from} where ${text} limit $${values.push(MAX_COUNTED + 1)}) as counted`,
    values,
  )
  return rows[0]?.rows ?? 0
}

/** The highest id of the side: what comes later is no part of an action that begins now. */
export async function readLastRefused(client: pg.ClientBase, side: SideName): Promise<string> {
  const { from, alias } = refusedRows(side, {})
  const { rows } = await client.query<{ id: string }>(
    `select ${alias}.id::text as id from ${from} order by ${alias}.id desc limit 1`,
  )
  return rows[0]?.id ?? '0'
}

/** What is asked for has grown by more than a tenth since somebody looked. */
export function hasGrown(now: number, expected: number): boolean {
  return now > expected + expected / 10
}
