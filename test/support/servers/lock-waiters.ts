import type pg from 'pg'

/**
 * How many sessions of the client's database wait for a lock, or of those the ones with this
 * `application_name`. The server has databases of other tests, whose sessions wait, too.
 */
export async function countLockWaiters(
  client: pg.ClientBase,
  applicationName: string | null = null,
): Promise<number> {
  const { rows } = await client.query<{ waiters: number }>(
    `select count(*)::int as waiters from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend'
       and wait_event_type = 'Lock'
       and ($1::text is null or application_name = $1)`,
    [applicationName],
  )
  return rows[0]?.waiters ?? 0
}
