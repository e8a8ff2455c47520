import { type Lock, TYPE_NAMES } from '@hq-export/contract'

/** A lock of another release may name other types: they stay as they are. */
const FORMATTED: Readonly<Record<string, string>> = TYPE_NAMES

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function row(values: readonly string[]): string {
  return `    (${values.join(', ')})`
}

/**
 * A query that holds the tables of HQ against the lock: one row for each thing that differs, none
 * where all is as it was promised. It reads the catalog alone.
 */
export function hqCheckOf(lock: Lock): string {
  const served = Object.entries(lock.datasets).filter(([, { status }]) =>
    ['active', 'deprecated'].includes(status),
  )
  const columns = served.flatMap(([dataset, { columns }]) =>
    columns.map(({ name, type, nullable }) =>
      row([literal(dataset), literal(name), literal(FORMATTED[type] ?? type), String(!nullable)]),
    ),
  )
  const keys = served.flatMap(([dataset, { primary_key, uniqueness_guard }]) => [
    row([literal(dataset), `'p'`, literal(primary_key.join(','))]),
    ...(uniqueness_guard === null
      ? []
      : [row([literal(dataset), `'u'`, literal(uniqueness_guard.join(','))])]),
  ])
  return `-- Generated: npm run contract -- generate
--
-- Holds the tables of HQ against the contract's lock: one row for each thing that differs.
--
-- Locks: reads the catalog alone, so ACCESS SHARE on its tables.

with locked_column (dataset, name, type, required) as (
  values
${columns.join(',\n')}
),
locked_key (dataset, kind, columns) as (
  values
${keys.join(',\n')}
),
live_column as (
  select c.relname as dataset, a.attname as name, a.attnotnull as required,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid
  where n.nspname = 'hq' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
),
live_key as (
  -- A unique index serves as a guard as well as a constraint does.
  select c.relname as dataset, case when i.indisprimary then 'p' else 'u' end as kind,
    (select pg_catalog.string_agg(a.attname, ',' order by k.ordinal)
     from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, ordinal)
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
     where k.ordinal <= i.indnkeyatts) as columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_index i on i.indrelid = c.oid
  where n.nspname = 'hq' and i.indisunique and i.indisvalid and i.indpred is null
)
select locked.dataset, locked.name,
  locked.type || case when locked.required then ', required' else '' end as expected,
  live.type || case when live.required then ', required' else '' end as found
from locked_column locked
left join live_column live using (dataset, name)
where (live.type, live.required) is distinct from (locked.type, locked.required)
union all
select live.dataset, live.name, null, live.type
from live_column live
where live.name not like '\\_dx\\_%'
  and live.dataset in (select dataset from locked_column)
  and not exists (
    select from locked_column locked
    where locked.dataset = live.dataset and locked.name = live.name
  )
union all
select locked.dataset, locked.columns,
  case locked.kind when 'p' then 'primary key' else 'unique' end, null
from locked_key locked
where not exists (
  select from live_key live
  where live.dataset = locked.dataset and live.columns = locked.columns
    and (live.kind = locked.kind or locked.kind = 'u')
)
order by 1, 2;
`
}
