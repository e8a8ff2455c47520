import { createHash, randomUUID } from 'node:crypto'
import { failed } from '@hq-export/hq-ingest/quality/verdict.ts'
import type pg from 'pg'
import { insertCompany, insertOrg } from '../reference-rows.ts'

/** Text that would be markup, would end a script, turn the direction, or ring a bell. */
export const HOSTILE =
  '"><img src=x onerror=document.title=1></script><script>document.title=1</script>' +
  "' \u202eevil\u2066 \u0001\u2028"

const DATASET = 'dx_company_entities_v1'
const SOURCE = 'data-engine-x'

interface Filled {
  readonly org: string
  readonly company: string
  readonly run: string
}

const counts = { received: 2, inserted: 1, updated: 0, duplicate: 0, stale: 0, superseded: 0 }

function runOf(id: string, text: string) {
  return {
    ...{ source: SOURCE, schema_version: '1', id, kind: 'command', state: 'different' },
    ...{ started_at: '2026-11-27T06:00:00Z', finished_at: '2026-11-27T06:01:00Z' },
    ...{ scope: {}, repair: false, version: '<img>' },
    datasets: [
      {
        ...{ dataset: DATASET, state: 'different', reason: text, algorithm: null, spec: null },
        ...{ source_rows: 2, hq_rows: 1, in_flight: 0, coverage: 1 },
        ...{ findings: { missing: 1 }, duration_ms: 60_000 },
        repairs: { none: 1, sent: 0, failed: 0, not_repairable: 0 },
        nulls: { [`canonical_name${text}`]: [1, 0] },
        statuses: { [text]: [1, 0] },
      },
    ],
  }
}

async function insert(
  client: pg.Client,
  table: string,
  row: Readonly<Record<string, unknown>>,
  conflict = '',
): Promise<void> {
  const names = Object.keys(row)
  const parameters = names.map((_, index) => `$${index + 1}`)
  const sql = `insert into ${table} (${names.join(', ')}) values (${parameters.join(', ')})`
  await client.query(`${sql} ${conflict}`, Object.values(row))
}

const ROWS = [1, 2, 3]

/** HQ with text of others in every field of its machinery that takes any. */
async function fillHq(hq: pg.Client, text: string, { org, company, run }: Filled): Promise<void> {
  const now = new Date().toISOString()
  const of = { source: SOURCE, dataset: DATASET }
  const key = { kind: 'ed25519', label: text, public_key: 'whpk_x' }
  await insert(hq, 'ingest.key', { id: `key ${text}`, source: SOURCE, ...key })
  const refused = { index: 1, key: `${org}/${text}`, outcome: 'quarantined', detail: text }
  const sent = { dataset: DATASET, schema_version: '1', trace_id: text }
  for (const source of [SOURCE, `other ${text}`]) {
    for (const n of ROWS) {
      const batch = `batch ${n}${text}`
      await insert(hq, 'ingest.batch', {
        ...{ ...sent, source, batch, epoch: text, key_id: `key ${text}`, span_id: text },
        ...{ wire_bytes: 100, decoded_bytes: 200, fingerprint: Buffer.alloc(32), profile: {} },
        answer: {
          ...{ batch, status: 'partial', counts: { ...counts, quarantined: 1 } },
          rows: [{ ...refused, code: 'invalid_value', pointer: `/rows/1/${text}` }],
        },
      })
    }
    await insert(hq, 'ingest.heartbeat', { source, source_ts: now, batch: text, epoch: text })
    const freshness = {
      ...{ source, dataset: DATASET, epoch: text, schema_version: '1', key_id: text },
      ...{ complete_through: now, told_at: now, refused: 2 },
    }
    // A relay at work has told of its own.
    await insert(hq, 'ingest.freshness', freshness, 'on conflict do nothing')
  }
  for (const code of ['invalid_value', `code ${text}`]) {
    for (const n of ROWS) {
      const resolved = { resolved_at: now, resolution: 'discarded', resolved_by: text }
      await insert(hq, 'ingest.quarantine', {
        ...{ ...sent, source: SOURCE, batch: `batch ${n}${text}`, code, org_id: org },
        ...{ captured_at: now, xid: '700', row_index: n, deleted: false, detail: text },
        ...{ key: `${org}/${n}${code}${text}`, pointer: `/rows/${n}/${text}`, traceparent: text },
        row_sha256: createHash('sha256').update(`${n}${code}`).digest(),
        row_text: JSON.stringify({ canonical_name: text }),
        ...(n === 3 ? { ...resolved, resolution_note: text } : {}),
      })
    }
  }
  const audit = { actor: text, action: text, subject: text, detail: { [text]: text } }
  await insert(hq, 'ingest.audit', audit)
  for (const check of ['volume', `check ${text}`]) {
    const open = { began_at: now, opened_at: now, last_failed_at: now, told_at: now, size: 2 }
    const worst = [{ what: text, name: text, count: 2, of: 3, usual: null }]
    const measured = { check, metric: text, value: 2, threshold: 1.5, rows: 3, worst }
    const evidence = failed(measured, text, 'page')
    const incident = { ...of, ...open, check_name: check, severity: 'page', evidence }
    await insert(hq, 'ingest.incident', incident)
    const accepted = { closed_at: now, accepted_at: now, accepted_by: text, note: text }
    await insert(hq, 'ingest.incident', { ...incident, ...accepted })
  }
  const { datasets, version, ...told } = runOf(run, text)
  await insert(hq, 'ingest.reconciliation', {
    ...{ ...told, version, key_id: text, fingerprint: Buffer.alloc(32) },
    datasets: JSON.stringify(datasets),
  })
  await insert(hq, 'ingest.reconciliation_finding', {
    ...{ ...of, id: run, position: 0, org_id: org, key: text, reason: text, columns: [text] },
    ...{ source_version: 2, hq_version: null, class: 'missing', repair: 'none' },
  })
  await insert(hq, `hq.${DATASET}`, {
    ...{ org_id: org, company_id: company, entity_id: company, canonical_name: text },
    ...{ export_schema_version: '1', record_version: 1, updated_at: now },
    ...{ _dx_xid: '700', _dx_batch: `batch 1${text}`, _dx_source: SOURCE },
  })
}

/** data-engine-x, likewise. */
async function fillDx(dx: pg.Client, text: string, { org, company, run }: Filled): Promise<void> {
  const now = new Date().toISOString()
  for (const reason of ['invalid_value', `reason ${text}`]) {
    for (const n of ROWS) {
      await insert(dx, 'hq_export.dead_letter', {
        ...{ captured_at: now, xid: '700', dataset: DATASET, key: `${org}/${n}${reason}${text}` },
        ...{ reason, detail: text, batch: `batch ${n}${text}`, traceparent: text, body: '{}' },
        ...{ fingerprint: createHash('sha256').update(`${n}${reason}`).digest(), note: text },
        ...(n === 3 ? { resolved_at: now, resolution: 'discarded' } : {}),
      })
    }
  }
  const backfill = { org_id: org, dataset: DATASET, state: 'failed', reason: text }
  await insert(dx, 'hq_export.backfill', {
    ...backfill,
    progress: { passes: [], activeMs: 0 },
    finished_at: now,
  })
  const finding = { dataset: DATASET, key: text, org_id: org, class: 'missing', columns: ['<img>'] }
  await insert(dx, 'hq_export.reconciliation', {
    ...{ id: run, finished_at: now, is_whole: true, kind: 'command', state: 'different' },
    request: { datasets: null, scope: {}, repair: 'off', rotation: false },
    run: runOf(run, text),
    findings: JSON.stringify([
      { ...finding, source_version: '2', hq_version: null, reason: text, repair: 'none' },
    ]),
  })
  await insertCompany(dx, org, { entity_id: company, canonical_name: text })
}

/**
 * Both sides with something on every page, `text` in every field that takes text of others.
 * @returns what its rows are called.
 */
export async function fillConsole(hq: pg.Client, dx: pg.Client, text: string): Promise<Filled> {
  const filled = { org: await insertOrg(dx), company: randomUUID(), run: randomUUID() }
  await fillHq(hq, text, filled)
  await fillDx(dx, text, filled)
  return filled
}
