import type pg from 'pg'
import type { Binding } from './binding-schema.ts'
import { parseBinding } from './load-binding.ts'

// hq_export.uuid5 goes with the extension where that is dropped with everything on it; expressions
// that need it stay. Snapshots are derived from the entity datasets and have no definition of their
// own.
const READ_BINDING = /* sql */ String.raw`
select name, pg_catalog.json_agg(definition order by number) as datasets,
  exists (
    select from pg_catalog.pg_proc
    where pronamespace = 'hq_export'::pg_catalog.regnamespace and proname = 'uuid5'
  ) or pg_catalog.bool_or(definition::text ~ 'hq_export\.(?:uuid5|entity_id)\M') as derives_uuids
from hq_export.binding
where not pg_catalog.jsonb_exists(definition, 'derivedFrom')
group by name`

/**
 * Reads back the binding that is installed, as it was when it was.
 * @returns undefined where nothing is bound.
 * @throws {BindingError} when this build does not understand what an older or newer one recorded.
 */
export async function readBinding(client: pg.ClientBase): Promise<Binding | undefined> {
  const { rows } = await client.query<{
    name: string
    datasets: unknown[]
    derives_uuids: boolean
  }>(READ_BINDING)
  const [found] = rows
  if (found === undefined) return undefined
  const extensions = found.derives_uuids ? ['uuid-ossp'] : []
  return parseBinding(found.name, { name: found.name, extensions, datasets: found.datasets })
}
