import { auditOf } from '@hq-export/runtime/postgres/audit.ts'

/** Writes what an operator did, in the transaction that does it. */
export const recordAudit = auditOf('ingest')
