import type { SessionSettings } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import { SEES_ALL } from '../../session/hidden-tables.ts'

/**
 * How long a snapshot may be held, its waits for the relay and for HQ included: vacuum cannot clean
 * up behind it.
 */
export const MAX_SNAPSHOT_SECONDS = 5 * 60
/** One statement under a snapshot; longer, and the range is halved. */
const STATEMENT_SECONDS = 100

/**
 * Settings of the session that scans: plans as the application's sessions have them, in one process
 * of the server. Sorts stay off: nobody tells the planner how few buckets there are, and it would
 * sort whole rows by them, on disk, which takes several times as long. A transaction waits while the
 * relay delivers and HQ reads; the server ends it, and with it the snapshot, where nobody goes on
 * with it.
 */
export const SCAN_SESSION: SessionSettings = {
  ...SEES_ALL,
  enable_seqscan: 'on',
  enable_bitmapscan: 'on',
  max_parallel_workers_per_gather: '0',
  statement_timeout: `${STATEMENT_SECONDS}s`,
  idle_in_transaction_session_timeout: `${MAX_SNAPSHOT_SECONDS / 60}min`,
}

// Index look-ups only: a table without statistics looks small enough to be read for each key.
const BY_KEY = /* sql */ `
set local enable_seqscan = off;
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local enable_material = off`

const BY_SCAN = /* sql */ `
set local enable_seqscan = on;
set local enable_hashjoin = on;
set local enable_mergejoin = on;
set local enable_material = on`

/** Plans what follows in the open transaction as look-ups by key. */
export async function planLookUps(client: pg.ClientBase): Promise<void> {
  await client.query(BY_KEY)
}

/** Plans what follows in the open transaction as scans. */
export async function planScans(client: pg.ClientBase): Promise<void> {
  await client.query(BY_SCAN)
}
