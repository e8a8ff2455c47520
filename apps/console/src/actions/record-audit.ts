import { recordAudit as recordInHq } from '@hq-export/hq-ingest/db/record-audit.ts'
import { recordAudit as recordAtSource } from '@hq-export/outbox-relay/audit/record-audit.ts'
import type { AuditEntry } from '@hq-export/runtime/postgres/audit.ts'
import type pg from 'pg'
import type { SideName } from './action.ts'

/** Writes what was done, in the transaction that does it, on the side where it is done. */
export function recordAudit(
  client: pg.ClientBase,
  side: SideName,
  entry: AuditEntry,
): Promise<void> {
  return (side === 'hq' ? recordInHq : recordAtSource)(client, entry)
}
