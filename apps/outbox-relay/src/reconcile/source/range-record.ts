import type { Dataset } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { retryWithLockTimeout } from '../../binding/install/lock-retry.ts'

/** A half-open range of the keys of a dataset. */
export interface KeyRange {
  /** From the beginning where it is undefined. */
  readonly from?: readonly string[] | undefined
  /** To the end where it is undefined. */
  readonly before?: readonly string[] | undefined
}

/** A range as it was compared last. */
export interface RecordedRange extends KeyRange {
  /** Null where it never was. */
  readonly rows: number | null
  /** Seconds since it was. */
  readonly age: number | null
  readonly state: 'equal' | 'different' | null
}

const READ = /* sql */ `
select from_key, before_key, row_count::float8 as rows, state,
  extract(epoch from pg_catalog.clock_timestamp() - checked_at)::float8 as age
from hq_export.reconciliation_range
where dataset = $1
order by from_key collate "C"`

// Whatever lies in the range is what it is cut into now: two runs at once, which cut differently,
// leave a cover with a gap, which the next one sees and cuts anew.
const REMOVE = /* sql */ `
delete from hq_export.reconciliation_range
where dataset = $1 and from_key collate "C" >= $2
  and ($3::text is null or from_key collate "C" < $3)`

const INSERT = /* sql */ `
insert into hq_export.reconciliation_range as r
  (dataset, from_key, before_key, row_count, checked_at, state)
values ($1, $2, $3, $4, case when $5::text is not null then pg_catalog.clock_timestamp() end, $5)
on conflict (dataset, from_key) do update
set before_key = excluded.before_key, row_count = excluded.row_count,
    checked_at = excluded.checked_at, state = excluded.state`

const keyOf = (text: string): string[] => text.split('/')

/**
 * The ranges of a dataset in order, without gaps from the beginning to the end.
 * @returns one that was never compared, where there is no such record.
 */
export async function readRanges(
  client: pg.ClientBase,
  dataset: Dataset,
): Promise<RecordedRange[]> {
  const { rows } = await client.query<{
    from_key: string
    before_key: string | null
    rows: number | null
    age: number | null
    state: 'equal' | 'different' | null
  }>(READ, [dataset.number])
  const isWhole =
    rows[0]?.from_key === '' &&
    rows.every(({ before_key }, index) => before_key === (rows[index + 1]?.from_key ?? null))
  if (!isWhole) return [{ rows: null, age: null, state: null }]
  return rows.map(({ from_key, before_key, ...range }) => ({
    ...range,
    ...(from_key === '' ? {} : { from: keyOf(from_key) }),
    ...(before_key === null ? {} : { before: keyOf(before_key) }),
  }))
}

/** What became of a range. */
export interface CheckedRange extends KeyRange {
  readonly rows: number | null
  /** Null: it is to be compared, and was not. */
  readonly state: 'equal' | 'different' | null
}

/** Runs that record the same ranges at once may deadlock: one of them is told, and begins anew. */
const ATTEMPTS = 6

/**
 * Records what ranges came to that lie one after the other; what was recorded between their ends is
 * replaced.
 */
export async function recordRanges(
  client: pg.ClientBase,
  dataset: Dataset,
  ranges: readonly CheckedRange[],
): Promise<void> {
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (first === undefined || last === undefined) return
  const text = (key: readonly string[] | undefined): string | null => key?.join('/') ?? null
  const record = async (): Promise<void> => {
    await client.query(REMOVE, [dataset.number, text(first.from) ?? '', text(last.before)])
    for (const { from, before, rows, state } of ranges) {
      const checkedRows = state === null ? null : rows
      const values = [dataset.number, text(from) ?? '', text(before), checkedRows, state]
      await client.query(INSERT, values)
    }
  }
  await retryWithLockTimeout({ attempts: ATTEMPTS }, () => transact(client, record))
}
