import { fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import { partitionAt } from '../../ledger/partition.ts'
import type { Check } from './finding.ts'

const EXISTING = /* sql */ `
select array(select c.relname::text from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'ingest.batch'::regclass) as names,
  (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as now`

/** Every batch finds the month that it belongs to; a gateway creates them two months ahead. */
export const partitions: Check = {
  name: 'partitions',
  async examine({ login }) {
    const { rows } = await login.query<{ names: string[]; now: number }>(EXISTING)
    const { names = [], now = 0 } = rows[0] ?? {}
    const [current, next] = [partitionAt(now), partitionAt(now, 1)]
    if (!names.includes(current.name)) {
      return fail(
        `the ledger has no partition for this month, ${current.name}`,
        'start a gateway, which creates it: npm run ingest -- serve',
      )
    }
    if (!names.includes(next.name)) {
      return warn(
        `the ledger has no partition for next month, ${next.name}`,
        'a gateway creates it within the hour; where none does, see its log',
      )
    }
    return ok(`${names.length} months of the ledger`)
  },
}
