import pg from 'pg'
import type { BoundDataset } from '../binding-schema.ts'
import { whereSql } from '../projection/layout.ts'
import { projectionOf } from '../projection/projection.ts'

/** What PostgreSQL takes for false, and the setting that is not set. */
const NOT_OFF = ['', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0']

/**
 * SQL that is true where the text `value` of `hq_export.disabled` switches capture off: everything
 * but what PostgreSQL takes for false. A misspelt value switches it off, too: that leaves gaps,
 * which are seen, while a switch that does nothing is not.
 */
export function switchesOff(value: string): string {
  const values = NOT_OFF.map((text) => `'${text}'`).join(', ')
  // Most sessions have none: a comparison costs a fraction of the rest.
  return `(coalesce(${value}, '') <> ''
  and lower(btrim(${value}))
    not in (${values}))`
}

/** SQL that is true in a session whose changes are not captured. */
export const IS_SWITCHED_OFF = switchesOff(`current_setting('hq_export.disabled', true)`)

/**
 * One statement that keeps what is needed of deleted rows `from` (aliased `r`) whose delete is not
 * captured: HQ has versions of them, so whoever comes next under the key must go on above, and a
 * backfill has to say that they are gone. Reads no base (decision 0005).
 */
export function noteDeleted(bound: BoundDataset, from: string, where?: string): string {
  const { dataset, key, filters } = projectionOf(bound, 'null::bigint')
  const version = `(r.${pg.escapeIdentifier(bound.version ?? '')})::bigint`
  return `insert into hq_export.version_base as b (dataset, key, base, deleted_at)
select
  ${dataset.number},
  ${key},
  hq_export.exported_version(${version}, 1),
  clock_timestamp()
from ${from}${whereSql([...filters, where])}
on conflict (dataset, key) do update set
  base = greatest(b.base, hq_export.exported_version(b.base, excluded.base)),
  deleted_at = excluded.deleted_at`
}
