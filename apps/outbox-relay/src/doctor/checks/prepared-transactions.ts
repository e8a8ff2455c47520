import { OUTBOX_REGCLASSES } from '../../outbox/outbox-tables.ts'
import { type Check, fail, ok } from './finding.ts'

/** A coordinator that has not decided for so long has died. */
const ABANDONED_SECONDS = 600

// By the lock that a transaction holds on its own id: under which virtual id its other locks stand
// differs between versions.
const PREPARED = /* sql */ `
select p.gid, extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::int as age_s
from pg_catalog.pg_prepared_xacts p
where p.database = pg_catalog.current_database() and exists (
  select from pg_catalog.pg_locks own
  join pg_catalog.pg_locks l on l.virtualtransaction = own.virtualtransaction and l.pid is null
  where own.locktype = 'transactionid' and own.transactionid = p.transaction and own.pid is null
    and l.locktype = 'relation'
    and l.relation in (${OUTBOX_REGCLASSES})
)
order by p.prepared`

/**
 * No abandoned prepared transaction holds an outbox table: none can be emptied while it does.
 * @param abandonedSeconds age from which one counts as abandoned.
 */
export function preparedTransactions(abandonedSeconds = ABANDONED_SECONDS): Check {
  return {
    name: 'prepared-transactions',
    async examine({ login }) {
      const { rows } = await login.query<{ gid: string; age_s: number }>(PREPARED)
      const abandoned = rows.filter(({ age_s }) => age_s >= abandonedSeconds)
      if (abandoned.length === 0) return ok(`${rows.length} hold the outbox, none for long`)
      return abandoned.map(({ gid, age_s }) =>
        fail(
          `prepared transaction "${gid}" has held the outbox for ${age_s} s; it cannot be emptied`,
          `commit prepared or rollback prepared '${gid}', whichever its coordinator decided`,
        ),
      )
    },
  }
}
