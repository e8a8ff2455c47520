import type pg from 'pg'
import { connect } from '../session/connect.ts'
import { LEAD_SESSION } from '../session/lead.ts'

/*
 * A chunk is a range of a key, and whatever its view joins is looked up row by row. Every other
 * join reads the other side as a whole, for each chunk anew, and the planner likes it while
 * version_base has no statistics: 5,000 rows beside 500 deleted keys took 1,470 ms so, and 110 ms
 * by index.
 */
const LOOK_UPS_ONLY = /* sql */ `
set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off;
set enable_memoize = off`

/**
 * Opens the session that a backfill reads, records and locks with. It says something every second,
 * and the server ends it when it does not, as that of a leader: a process that is stopped must not
 * keep the lock.
 */
export async function connectBackfill(
  databaseUrl: string,
  onLost: (error: Error) => void,
): Promise<pg.Client> {
  const client = await connect(databaseUrl, 'backfill', onLost, LEAD_SESSION)
  await client.query(LOOK_UPS_ONLY)
  return client
}
