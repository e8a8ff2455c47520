import type { BenchServers } from '../programs/servers.ts'

/** Name that the filled rows have as their source; the batches that are measured have another. */
export const FILLED_SOURCE = 'filled'

/** Rows of the filled ledger for one quarantined row. */
const BATCHES_PER_REFUSED = 10
/** Quarantined rows for one dead letter. */
const REFUSED_PER_LETTER = 10

// Spread over this month, whose partition is there.
const AT = `(select now() - (now() - date_trunc('month', now())) * i / $1::bigint)`
const DATASET = `(array['dx_operation_runs_v1', 'dx_operation_events_v1', 'dx_entity_snapshots_v1',
  'dx_company_entities_v1', 'dx_person_entities_v1'])[1 + i % 5]`
const KEY = `md5('row ' || i)::uuid::text`
const CODE = `(array['invalid_value', 'missing_column', 'org_not_allowed', 'version_conflict'])[1 + i % 7 % 4]`

const BATCHES = `
insert into ingest.batch (received_at, wire_bytes, decoded_bytes, source, batch, fingerprint, dataset,
  schema_version, key_id, trace_id, answer)
select ${AT}, 40000, 200000, '${FILLED_SOURCE}', 'batch ' || i, decode(repeat('00', 32), 'hex'),
  ${DATASET}, '1', 'filled', md5('trace ' || i),
  '{"batch": "x", "status": "applied", "counts": {"received": 200, "inserted": 200, "updated": 0,
    "duplicate": 0, "stale": 0, "superseded": 0, "quarantined": 0}, "rows": []}'
from generate_series($2::bigint, $3::bigint) as i`

const QUARANTINE = `
insert into ingest.quarantine (first_seen_at, last_seen_at, captured_at, xid, org_id, row_index,
  deleted, source, dataset, schema_version, batch, code, key, pointer, detail, row_sha256, row_text)
select ${AT}, ${AT}, ${AT}, '700', md5('org ' || i % 200)::uuid, i % 2000, false, '${FILLED_SOURCE}',
  ${DATASET}, '1', 'batch ' || i * ${BATCHES_PER_REFUSED}, ${CODE}, ${KEY},
  '/rows/' || i % 2000 || '/' || (array['status', 'canonical_name', 'http_status'])[1 + i % 3],
  'is not what the contract says', sha256(('row ' || i)::bytea), '{"filled": true}'
from generate_series($2::bigint, $3::bigint) as i`

const DEAD_LETTERS = `
insert into hq_export.dead_letter (first_failed_at, last_failed_at, captured_at, xid, dataset, key,
  reason, detail, batch, body, fingerprint)
select ${AT}, ${AT}, ${AT}, '700', ${DATASET}, ${KEY}, ${CODE}, 'is not what the contract says',
  'batch ' || i * ${BATCHES_PER_REFUSED}, '{"filled": true}', sha256(('row ' || i)::bytea)
from generate_series($2::bigint, $3::bigint) as i`

const CHUNK = 250_000

/** What the console has to look through. */
export interface Filled {
  readonly batches: number
  readonly refused: number
  readonly letters: number
}

/**
 * Fills both sides with a past, by SQL.
 * @param batches in HQ's ledger.
 */
export async function fillPast(
  { dx, hq }: BenchServers,
  batches: number,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Filled> {
  const refused = Math.ceil(batches / BATCHES_PER_REFUSED)
  const letters = Math.ceil(refused / REFUSED_PER_LETTER)
  const parts = [
    { what: 'batches', client: hq.client, sql: BATCHES, rows: batches },
    { what: 'quarantined rows', client: hq.client, sql: QUARANTINE, rows: refused },
    { what: 'dead letters', client: dx.client, sql: DEAD_LETTERS, rows: letters },
  ]
  for (const { what, client, sql, rows } of parts) {
    for (let first = 1; first <= rows; first += CHUNK) {
      signal.throwIfAborted()
      await client.query(sql, [rows, first, Math.min(rows, first + CHUNK - 1)])
    }
    report(`${rows} ${what}`)
  }
  // They were rolled up long ago.
  await hq.client.query(
    `update ingest.roll_up set through = date_trunc('minute', now()), snapshot = pg_current_snapshot()`,
  )
  for (const { client } of [dx, hq]) await client.query('vacuum (analyze)')
  return { batches, refused, letters }
}
