import { type Finding, fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

const GIB = 1024 ** 3
/** WAL that a slot keeps; PostgreSQL itself says nothing of what is left on a disk. */
const MAX_RETAINED_BYTES = 10 * GIB
/** PostgreSQL refuses transactions three million before 2^31. */
const WARN_AGE = 1_000_000_000
const FAIL_AGE = 1_800_000_000

const SLOTS = /* sql */ `
select slot_name as name, active, wal_status as status,
  pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::float8 as retained
from pg_catalog.pg_replication_slots
order by slot_name`

const AGE = /* sql */ `
select pg_catalog.age(datfrozenxid) as age,
  pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(oid)) as size
from pg_catalog.pg_database where datname = pg_catalog.current_database()`

interface Slot {
  readonly name: string
  readonly active: boolean
  readonly status: string | null
  readonly retained: number | null
}

function judgeSlot({ name, active, status, retained }: Slot): Finding[] {
  if (active || status === 'lost' || retained === null || retained < MAX_RETAINED_BYTES) return []
  return [
    warn(
      `nobody reads the replication slot ${name}, which keeps ${(retained / GIB).toFixed(0)} GiB`,
      'a disk that is full stops every batch: let its reader come back, or drop the slot',
    ),
  ]
}

/** What fills a disk or ends the ids of transactions is on nobody's page until all stands still. */
export const room: Check = {
  name: 'room',
  async examine({ login }) {
    const { rows } = await login.query<{ age: number; size: string }>(AGE)
    const { age = 0, size = '' } = rows[0] ?? {}
    const findings = (await login.query<Slot>(SLOTS)).rows.flatMap(judgeSlot)
    if (age > WARN_AGE) {
      findings.push(
        (age > FAIL_AGE ? fail : warn)(
          `the oldest transaction id is ${age} transactions old; at 2 billion all writing ends`,
          'let vacuum freeze: find what holds it back (old transactions, slots), run: vacuum freeze',
        ),
      )
    }
    return findings.length > 0 ? findings : ok(`the database has ${size}`)
  },
}
