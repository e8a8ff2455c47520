import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import type { LedgerPartition } from './partition.ts'

/*
 * A table of its own that is then attached: ATTACH takes SHARE UPDATE EXCLUSIVE on the ledger,
 * beside which batches go on, where CREATE ... PARTITION OF would take ACCESS EXCLUSIVE. The row
 * lock, which only the writer can take, makes a second gateway wait, then find it.
 */
const LOCK = `select from ingest.advisory_lock where name = 'partitions' for update`
const EXISTS = 'select pg_catalog.to_regclass($1) is not null as found'

function attachStatements({ name, from, to }: LedgerPartition): string {
  // Names and bounds are made of digits by partition.ts; DDL takes no parameters.
  return `
    create table ingest.${name} (like ingest.batch including all);
    comment on table ingest.${name} is 'ledger: batches that were applied in this month';
    alter table ingest.batch attach partition ingest.${name}
      for values from ('${from}') to ('${to}')`
}

/**
 * Creates a partition of the ledger unless it is there, in a transaction of its own.
 * @returns whether it was created now.
 */
export async function createPartition(
  client: pg.ClientBase,
  partition: LedgerPartition,
): Promise<boolean> {
  return transact(client, async () => {
    await client.query(LOCK)
    const { rows } = await client.query<{ found: boolean }>(EXISTS, [`ingest.${partition.name}`])
    const missing = rows[0]?.found !== true
    if (missing) await client.query(attachStatements(partition))
    return missing
  })
}
