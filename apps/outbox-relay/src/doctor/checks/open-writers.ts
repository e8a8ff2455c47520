import { OUTBOX_REGCLASSES } from '../../outbox/outbox-tables.ts'
import { type Check, ok, warn } from './finding.ts'

const LONG_SECONDS = 600

const WRITERS = /* sql */ `
select a.pid, a.application_name as application, a.state,
       extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::int as age_s
from pg_catalog.pg_stat_activity a
where a.datname = pg_catalog.current_database() and exists (
  select from pg_catalog.pg_locks l
  where l.pid = a.pid and l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
    and l.relation in (${OUTBOX_REGCLASSES})
)
order by a.xact_start`

/**
 * No writer has been open for long: its rows cannot leave before it ends, and its outbox table
 * cannot be emptied.
 * @param longSeconds age from which a writer is worth a word.
 */
export function openWriters(longSeconds = LONG_SECONDS): Check {
  return {
    name: 'open-writers',
    async examine({ login }) {
      const { rows } = await login.query<{
        pid: number
        application: string
        state: string | null
        age_s: number | null
      }>(WRITERS)
      const long = rows.filter(({ age_s }) => (age_s ?? 0) >= longSeconds)
      if (long.length === 0) return ok(`${rows.length} open, none for long`)
      return long.map(({ pid, application, state, age_s }) =>
        warn(
          `pid ${pid} (${application || 'no application_name'}, ${state ?? 'state hidden'}) ` +
            `has written and been open for ${age_s} s`,
          'end it if it was forgotten: its rows wait for its commit',
        ),
      )
    },
  }
}
