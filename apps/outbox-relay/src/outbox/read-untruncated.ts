import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { OUTBOX_NAMES } from './outbox-tables.ts'

const LOCK = /* sql */ `lock table ${OUTBOX_NAMES} in access share mode`

/**
 * Reads the outbox, and what was noted of it, in one snapshot. A truncation empties a table for
 * every snapshot, and the ack that allowed it is not in an older one: so this one is taken when no
 * table can be truncated any more, and none is under way while `read` looks.
 *
 * Locks: ACCESS SHARE on the three tables, before the snapshot. It waits for a truncation, which is
 * a moment; a rotation that finds the locks turns the outbox a period later.
 */
export function readUntruncated<T>(client: pg.ClientBase, read: () => Promise<T>): Promise<T> {
  return transact(
    client,
    async () => {
      await client.query(LOCK)
      return read()
    },
    { mode: 'isolation level repeatable read read only' },
  )
}
