import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import { isSettledSql } from '../../binding/projection/settled-sql.ts'

/** A letter that says why HQ has not got a row. */
export interface KnownLetter {
  readonly reason: string
  /** Version that was refused; null where it is not known, or there is none. */
  readonly version: string | null
  /** It is the delete that was refused. */
  readonly deleted: boolean
}

// The body of a failed capture is the raw row, whose version is not the exported one. `->` and not
// `->>`: see raise-version-base.ts.
const LETTERS = /* sql */ `
select d.key, d.deleted,
  case when d.resolved_at is null then 'dead letter: ' || d.reason
    else 'discarded dead letter: ' || d.reason end as reason,
  case when d.reason not in ('capture_failed', 'projection_failed')
    then (d.body::json -> $3) #>> '{}' end as version
from hq_export.dead_letter d
where d.dataset = $1 and d.key = any ($2::text[])
  and (d.resolved_at is null or d.resolution = 'discarded')
order by d.id`

const PENDING = /* sql */ `
select r.key from hq_export.reexport r where r.dataset = $1 and r.key = any ($2::text[])
union all
select p.key
from hq_export.settle p
left join (
  select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
) m on true
where p.dataset = $1 and p.key = any ($2::text[]) and ${isSettledSql('m')} is not true`

/** Open dead letters of keys, parked rows among them, and what an operator has discarded. */
export async function readLetters(
  client: pg.ClientBase,
  dataset: Dataset,
  keys: readonly string[],
): Promise<ReadonlyMap<string, readonly KnownLetter[]>> {
  const { rows } = await client.query<KnownLetter & { key: string }>(LETTERS, [
    dataset.name,
    keys,
    dataset.versionColumn ?? '',
  ])
  return Map.groupBy(rows, ({ key }) => key)
}

/** Keys that will be sent once more, or are not complete yet: they cannot be compared now. */
export async function readPendingKeys(
  client: pg.ClientBase,
  dataset: Dataset,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ key: string }>(PENDING, [dataset.number, keys])
  return new Set(rows.map(({ key }) => key))
}
