import type pg from 'pg'

/** So often may a check be dismissed before it asks to be changed. */
const MAX_DISMISSED = 2

/** A check whose incidents were accepted again and again. */
export interface DismissedCheck {
  readonly source: string
  readonly dataset: string
  readonly check: string
  /** Since it was changed last. */
  readonly times: number
  /** The last of these incidents. */
  readonly id: string
  /** The most that was accepted. */
  readonly size: number
}

const DISMISSED = /* sql */ `
select i.source, i.dataset, i.check_name as "check", count(*)::int as times,
  pg_catalog.max(i.id)::text as id, pg_catalog.max(i.size) as size
from ingest.incident i
left join ingest.quality_tolerance t
  on t.source = i.source and t.dataset = i.dataset and t.check_name = i.check_name
where i.accepted_at > coalesce(t.changed_at, '-infinity')
group by i.source, i.dataset, i.check_name
having count(*) > ${MAX_DISMISSED}
order by i.source, i.dataset, i.check_name`

/** Checks that ask to be changed: what they find is no fault, and they find it again. */
export async function listDismissed(client: pg.ClientBase | pg.Pool): Promise<DismissedCheck[]> {
  return (await client.query<DismissedCheck>(DISMISSED)).rows
}

/** What it is, and the command that changes it. */
export function describeDismissed(dismissed: DismissedCheck): {
  readonly found: string
  readonly todo: string
} {
  const { source, dataset, check, times, id, size } = dismissed
  return {
    found: `${check} of ${dataset} of ${source} was dismissed ${times} times, up to ${size}`,
    todo: `change it: npm run ingest -- incidents tolerate ${id} --up-to SIZE --note WHY`,
  }
}
