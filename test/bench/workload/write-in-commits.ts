import type pg from 'pg'
import type { BenchOptions } from '../scenario.ts'

/** Rows of one call at least, so that many small transactions do not cost a round trip each. */
const ROWS_PER_CALL = 5_000

/**
 * Runs a statement over rows `$1::int` to `$2::int`, 1 to `rows`, in transactions of
 * `rowsPerCommit`: committed by the server itself and without waiting for the disk, because the
 * writing is not what is measured.
 */
export async function writeInCommits(
  client: pg.ClientBase,
  statement: string,
  rows: number,
  { rowsPerCommit, signal }: Pick<BenchOptions, 'rowsPerCommit' | 'signal'>,
): Promise<void> {
  const text = statement.replaceAll('$1::int', 'v_first').replaceAll('$2::int', 'v_last')
  const rowsPerCall = Math.ceil(ROWS_PER_CALL / rowsPerCommit) * rowsPerCommit
  await client.query('set synchronous_commit = off')
  try {
    for (let first = 1; first <= rows; first += rowsPerCall) {
      signal.throwIfAborted()
      const last = Math.min(rows, first + rowsPerCall - 1)
      await client.query(/* sql */ `
do $write$
declare
  v_last int;
begin
  for v_first in ${first}..${last} by ${rowsPerCommit} loop
    v_last := least(v_first + ${rowsPerCommit - 1}, ${last});
    ${text};
    commit;
  end loop;
end $write$`)
    }
  } finally {
    await client.query('reset synchronous_commit')
  }
}

/** How the waiting rows were written, for the notes of a result. */
export function describeCommits({ rowsPerCommit }: Pick<BenchOptions, 'rowsPerCommit'>): string {
  return `rows were written in transactions of ${rowsPerCommit}`
}
