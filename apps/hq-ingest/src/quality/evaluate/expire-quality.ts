import type pg from 'pg'

/** As long as minutes are kept. */
const KEEP_DAYS = 400

// Locks: the rows that they delete, which nobody writes any more.
const EXPIRED = [
  `delete from ingest.quality_hour where hour < $1`,
  `delete from ingest.quality_report where day < ($1::timestamptz at time zone 'UTC')::date`,
  `delete from ingest.quality_digest where week < ($1::timestamptz at time zone 'UTC')::date`,
  `delete from ingest.incident where closed_at < $1`,
]

/**
 * Deletes what is older than 400 days; an open incident never.
 * @param now milliseconds since the epoch.
 */
export async function expireQuality(client: pg.ClientBase, now: number): Promise<void> {
  const before = new Date(now - KEEP_DAYS * 86_400_000).toISOString()
  for (const statement of EXPIRED) await client.query(statement, [before])
}
