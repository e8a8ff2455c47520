import type pg from 'pg'
import { ROLE_SETTINGS } from '../../session/role-settings.ts'

// For this session, and what roles and databases have for theirs. `-1` is no limit; whom it was set
// for has been exempted from one that others have, and does not see it.
const LIMITS = /* sql */ `
select pg_catalog.current_setting('temp_file_limit') as "limit", 'this login' as whose
where pg_catalog.current_setting('temp_file_limit') <> '-1'
union all
select pg_catalog.split_part(s.setting, '=', 2), s.place
from (${ROLE_SETTINGS}) s
where pg_catalog.starts_with(s.setting, 'temp_file_limit=')
order by 2`

/**
 * The one limit of the server that a statement meets because its table is bound: for captures that
 * fire for each statement PostgreSQL keeps its rows, in memory up to the writer's `work_mem`, beyond
 * it in a temporary file. The file counts, and what exceeds the limit fails in PostgreSQL itself,
 * before any function of ours runs. Captures that fire for each row need no file.
 * @returns whose sessions have a limit, in words; undefined where there is none.
 */
export async function findTemporaryFileLimit(client: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ limit: string; whose: string }>(LIMITS)
  if (rows.length === 0) return undefined
  const limits = rows.map(({ limit, whose }) => `${limit} for ${whose}`).join(', ')
  return `temp_file_limit is ${limits}`
}
