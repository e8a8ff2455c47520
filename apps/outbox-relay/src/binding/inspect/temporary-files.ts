import type pg from 'pg'

// For this session, and what roles and databases have for theirs. `-1` is no limit.
const LIMITS = /* sql */ `
select pg_catalog.current_setting('temp_file_limit') as "limit", 'this login' as whose
where pg_catalog.current_setting('temp_file_limit') <> '-1'
union all
select pg_catalog.split_part(setting, '=', 2),
       coalesce('role ' || r.rolname::text, 'every role') || ' in ' || coalesce('database ' || d.datname::text, 'every database')
from pg_catalog.pg_db_role_setting s
cross join lateral pg_catalog.unnest(s.setconfig) setting
left join pg_catalog.pg_database d on d.oid = s.setdatabase
left join pg_catalog.pg_roles r on r.oid = s.setrole
where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
  and pg_catalog.starts_with(setting, 'temp_file_limit=') and setting <> 'temp_file_limit=-1'
order by 2`

/** What there is to say about `temp_file_limit`; nothing to do about it is ours. */
export interface TemporaryFileLimit {
  readonly found: string
  readonly todo: string
}

/**
 * The one limit of the server that a statement meets because its table is bound: PostgreSQL keeps
 * the rows of a statement for the capture's statement trigger, in memory up to the writer's
 * `work_mem`, beyond it in a temporary file. The file counts, and what exceeds the limit fails in
 * PostgreSQL itself, before any function of ours runs.
 * @returns undefined where there is no limit.
 */
export async function findTemporaryFileLimit(
  client: pg.ClientBase,
): Promise<TemporaryFileLimit | undefined> {
  const { rows } = await client.query<{ limit: string; whose: string }>(LIMITS)
  if (rows.length === 0) return undefined
  const limits = rows.map(({ limit, whose }) => `${limit} for ${whose}`).join(', ')
  return {
    found: `temp_file_limit is ${limits}: one statement that writes more bytes of a bound table than that, and than its work_mem, fails`,
    todo: 'for the roles that write in bulk set work_mem or temp_file_limit above the bytes that one statement writes, or write in several statements',
  }
}
