import type { Profile } from '@hq-export/hq-ingest/profile/profile.ts'
import type pg from 'pg'

const iso = (time: number) => new Date(time).toISOString()

/** A minute of a dataset, as the roll-up leaves it. @param minute milliseconds since the epoch. */
export async function insertMinute(
  client: pg.ClientBase,
  source: string,
  dataset: string,
  minute: number,
  profile: Profile,
): Promise<void> {
  await client.query(
    `insert into ingest.minute (source, dataset, minute, batches, profile)
     values ($1, $2, $3, 1, $4)`,
    [source, dataset, iso(minute), JSON.stringify(profile)],
  )
}

/** Hours that are history. */
export async function insertHours(
  client: pg.ClientBase,
  source: string,
  hours: readonly { hour: string; dataset: string; profile: Profile }[],
): Promise<void> {
  await client.query(
    `insert into ingest.quality_hour (source, dataset, hour, profile)
     select $1, h.dataset, h.hour, h.profile
     from jsonb_to_recordset($2) as h (hour timestamptz, dataset text, profile jsonb)`,
    [source, JSON.stringify(hours)],
  )
}

/** A heartbeat in the ledger: the source was there. @param at milliseconds since the epoch. */
export async function insertBeat(client: pg.ClientBase, source: string, at: number): Promise<void> {
  await client.query(
    `insert into ingest.batch (received_at, source, batch, fingerprint, dataset, schema_version,
       key_id, wire_bytes, decoded_bytes, answer)
     values ($1, $2, $3, sha256('x'), 'dx_heartbeat_v1', 'v1', 'k', 1, 1, '{}')`,
    [iso(at), source, `beat-${at}`],
  )
}
