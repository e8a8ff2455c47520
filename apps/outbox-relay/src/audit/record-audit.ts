import { auditOf } from '@hq-export/runtime/postgres/audit.ts'

/** Writes what an operator did at the source, in the transaction that does it. */
export const recordAudit = auditOf('hq_export')
