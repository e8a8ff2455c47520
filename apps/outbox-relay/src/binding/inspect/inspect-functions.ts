import type pg from 'pg'
import type { GeneratedSql } from '../capture/generate.ts'
import type { SourceTable } from '../source-table.ts'

const FUNCTIONS = /* sql */ `
select 'hq_export.' || p.proname as name, o.rolname as owner, p.prosecdef as is_definer,
       exists (
         select from pg_catalog.unnest(p.proconfig) setting
         where setting = 'search_path=pg_catalog, pg_temp'
       ) as is_pinned,
       p.proacl is null or exists (
         select from pg_catalog.aclexplode(p.proacl) a
         where a.grantee = 0 and a.privilege_type = 'EXECUTE'
       ) as is_public
from pg_catalog.pg_proc p join pg_catalog.pg_roles o on o.oid = p.proowner
where p.pronamespace = 'hq_export'::pg_catalog.regnamespace
  and p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
order by p.proname`

interface CaptureFunction {
  name: string
  owner: string
  is_definer: boolean
  is_pinned: boolean
  is_public: boolean
}

function faults(found: CaptureFunction, owner: string | undefined): string[] {
  return [
    ...(owner !== undefined && found.owner !== owner
      ? [`belongs to ${found.owner}, its table to ${owner}: it may not see every row`]
      : []),
    ...(found.is_definer
      ? []
      : ['is not SECURITY DEFINER: writers would need rights on the outbox']),
    ...(found.is_pinned
      ? []
      : ['has no pinned search_path: a writer could make it run its own code']),
    ...(found.is_public ? ['may be executed by everybody'] : []),
  ]
}

/** What the installed capture functions are, and what is wrong with them. */
export interface CaptureFunctions {
  readonly count: number
  /**
   * Sentences: a function does not run as the owner of its table, without a pinned search path, or
   * for everybody.
   */
  readonly faults: readonly string[]
}

/**
 * Finds out whether the capture functions are as they were installed, who runs them and how; not
 * what they do.
 */
export async function inspectFunctions(
  client: pg.ClientBase,
  sql: GeneratedSql,
  sources: ReadonlyMap<string, SourceTable>,
): Promise<CaptureFunctions> {
  const { rows } = await client.query<CaptureFunction>(FUNCTIONS)
  const owners = new Map(
    sql.functions.map(({ name, table }) => [name.replaceAll('"', ''), sources.get(table)?.owner]),
  )
  const generated = rows.filter(({ name }) => owners.has(name))
  return {
    count: generated.length,
    faults: generated.flatMap((found) =>
      faults(found, owners.get(found.name)).map((fault) => `${found.name} ${fault}`),
    ),
  }
}
