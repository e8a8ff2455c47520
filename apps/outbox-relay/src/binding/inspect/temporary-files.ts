import type pg from 'pg'
import { ROLE_SETTINGS } from '../../session/role-settings.ts'

// For this session, and what roles and databases have for theirs. `-1` is no limit.
const LIMITS = /* sql */ `
select pg_catalog.current_setting('temp_file_limit') as "limit", 'this login' as whose
where pg_catalog.current_setting('temp_file_limit') <> '-1'
union all
select pg_catalog.split_part(s.setting, '=', 2), s.place
from (${ROLE_SETTINGS}) s
where pg_catalog.starts_with(s.setting, 'temp_file_limit=') and s.setting <> 'temp_file_limit=-1'
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
    found:
      `temp_file_limit is ${limits}: one statement that writes more bytes of a bound table than ` +
      'that, and than its work_mem, fails',
    todo:
      'for the roles that write in bulk set work_mem or temp_file_limit above the bytes that one ' +
      'statement writes, or write in several statements',
  }
}
