import type { BenchServers } from '../../programs/servers.ts'
import { AT, FILLED_SOURCE, REFUSED, REFUSED_KEY } from './filled-rows.ts'
import { inChunks, loadTable } from './load.ts'

const ROWS = `(
  select i, ${AT} as at, ${REFUSED.dataset} as dataset, ${REFUSED.code} as code,
    ${REFUSED.place} as place, ${REFUSED_KEY} as key, ${REFUSED.org} as org, ${REFUSED.text} as text,
    ${REFUSED.batch} as batch, ${REFUSED.resolved} as is_resolved
  from generate_series($2::bigint, $3::bigint) as i
  offset 0
) as r`

const QUARANTINE = `
insert into ingest.quarantine (first_seen_at, last_seen_at, captured_at, xid, org_id, row_index,
  deleted, source, dataset, schema_version, batch, code, key, pointer, detail, row_sha256, row_text,
  resolved_at, resolution, resolved_by)
select r.at, r.at, r.at, '700', r.org, r.i % 200, false, '${FILLED_SOURCE}', r.dataset, 'v1', r.batch,
  r.code, r.key, '/rows/' || r.i % 200 || '/row/' || r.place, '${REFUSED.detail}',
  sha256(convert_to(r.text, 'UTF8')), r.text, case when r.is_resolved then r.at end,
  case when r.is_resolved then 'replayed' end, case when r.is_resolved then 'ada' end
from ${ROWS}`

const DEAD_LETTERS = `
insert into hq_export.dead_letter (first_failed_at, last_failed_at, captured_at, xid, dataset, key,
  reason, pointer, detail, batch, body, fingerprint, resolved_at, resolution)
select r.at, r.at, r.at, '700', r.dataset, r.key, r.code, '/row/' || r.place, '${REFUSED.detail}',
  r.batch, r.text, sha256(convert_to(r.key || r.text, 'UTF8')), case when r.is_resolved then r.at end,
  case when r.is_resolved then 'replayed' end
from ${ROWS}`

// Where its row was refused for a newer version: HQ has the one before.
const COMPANIES = `
insert into hq.dx_company_entities_v1 (export_schema_version, org_id, company_id, entity_id,
  canonical_name, record_version, updated_at, _dx_xid, _dx_batch, _dx_source)
select 'v1', r.org, ${REFUSED.entity}, ${REFUSED.entity}, 'name ' || r.i, 1, r.at, '600', r.batch,
  '${FILLED_SOURCE}'
from ${ROWS} where r.dataset = 'dx_company_entities_v1'`

/** Fills HQ's quarantine and the dead letters of the source: the same rows. */
export async function fillRefused(
  { dx, hq }: BenchServers,
  refused: number,
  signal: AbortSignal,
): Promise<void> {
  const range = [refused, 1, refused] as const
  await Promise.all([
    loadTable(hq.client, 'ingest.quarantine', () => inChunks(hq.client, QUARANTINE, range, signal)),
    loadTable(dx.client, 'hq_export.dead_letter', () =>
      inChunks(dx.client, DEAD_LETTERS, range, signal),
    ),
  ])
  await inChunks(hq.client, COMPANIES, range, signal)
}
