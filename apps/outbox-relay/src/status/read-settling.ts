import type pg from 'pg'
import { IS_SETTLED } from '../settle/read-pending.ts'

/** The settle list of one dataset, and what its filter left out. */
export interface SettlingStatus {
  /** Number of the dataset. */
  readonly dataset: number
  /** Rows that are exported once they are due. */
  readonly settling_rows: number
  /** For how long the first of them has been due; null where none is. */
  readonly overdue_s: number | null
  /**
   * Rows that were inserted and that the filter of the binding leaves out, since the schema was
   * created.
   */
  readonly filtered_rows: number
}

const SETTLING = /* sql */ `
select d.number as dataset, coalesce(s.rows, 0) as settling_rows, s.overdue_s,
       case when d.number between 1 and 4
         then coalesce(pg_catalog.pg_sequence_last_value('hq_export.filtered_' || d.number::text),
           0) else 0
       end::float8 as filtered_rows
from pg_catalog.generate_series(1, 5) d (number)
left join (
  select p.dataset, count(*)::int as rows,
         extract(epoch from pg_catalog.clock_timestamp() - min(p.due_at))::float8 as overdue_s
  from hq_export.settle p
  left join (select m.number, m.seen from hq_export.settled m order by m.id desc limit 1) m on true
  where ${IS_SETTLED} is not true
  group by p.dataset
) s on s.dataset = d.number
order by d.number`

/** Reads what waits to settle, and the counters of filtered rows. */
export async function readSettling(client: pg.ClientBase): Promise<SettlingStatus[]> {
  const { rows } = await client.query<SettlingStatus>(SETTLING)
  return rows.map((row) => ({
    ...row,
    overdue_s: row.overdue_s !== null && row.overdue_s > 0 ? row.overdue_s : null,
  }))
}
