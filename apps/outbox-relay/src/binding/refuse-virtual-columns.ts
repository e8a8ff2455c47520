import type pg from 'pg'
import { BindingError } from './binding-error.ts'
import type { Binding } from './binding-schema.ts'

const VIRTUAL_COLUMNS = `
select distinct v.relname as dataset, d.refobjid::pg_catalog.regclass::text as relation, a.attname as column
from pg_catalog.pg_class v
join pg_catalog.pg_rewrite w on w.ev_class = v.oid
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid
  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0
join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where v.relnamespace = 'hq_export'::pg_catalog.regnamespace and a.attgenerated = 'v'
order by 1, 2, 3`

/**
 * A virtual generated column is NULL in a transition table (PostgreSQL 18, measured), so the trigger would
 * capture NULL where the view shows the value. The created views tell exactly which columns a binding reads.
 * @throws {BindingError} naming each such column.
 */
export async function refuseVirtualColumns(client: pg.ClientBase, binding: Binding): Promise<void> {
  const { rows } = await client.query<{ dataset: string; relation: string; column: string }>(
    VIRTUAL_COLUMNS,
  )
  if (rows.length === 0) return
  throw new BindingError(
    binding.name,
    rows.map(
      ({ dataset, relation, column }) =>
        `${dataset}: ${relation}.${column} is a virtual generated column, which triggers see as NULL; ` +
        'bind its expression instead',
    ),
  )
}
