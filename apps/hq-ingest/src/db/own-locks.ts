import { OwnLocks } from '@hq-export/runtime/postgres/own-locks.ts'

/** What one gateway does at a time, in the hands of hq_ingest_writer alone. */
export const gatewayLocks = new OwnLocks('ingest.advisory_lock', 'hq_ingest_writer')
