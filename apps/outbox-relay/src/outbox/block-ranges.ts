import type pg from 'pg'

/** Blocks of 8 KiB of one transaction: one or two thousand rows, some ten milliseconds. */
const RANGE_BLOCKS = 32

const COUNT_BLOCKS = /* sql */ `
select (pg_catalog.pg_relation_size($1::pg_catalog.regclass)
  / pg_catalog.current_setting('block_size')::int)::int as blocks`

/**
 * Goes once through a table as it is now, a few blocks at a time: no statement is long, whatever
 * has piled up.
 * @param work one statement over rows with `ctid` from the first (included) to the second.
 */
export async function forEachBlockRange(
  client: pg.ClientBase,
  table: string,
  work: (range: readonly [from: string, to: string]) => Promise<unknown>,
): Promise<void> {
  const { rows } = await client.query<{ blocks: number }>(COUNT_BLOCKS, [table])
  const blocks = rows[0]?.blocks ?? 0
  for (let block = 0; block < blocks; block += RANGE_BLOCKS) {
    await work([`(${block},0)`, `(${block + RANGE_BLOCKS},0)`])
  }
}
