import { randomUUID } from 'node:crypto'
import {
  DATASETS,
  type DatasetReconciliation,
  type Finding,
  LIMITS,
  type Reconciliation,
  reconciliationSchema,
} from '@hq-export/contract'
import { emptyDataset } from '@hq-export/outbox-relay/reconcile/empty-dataset.ts'
import type { BenchServers } from '../../programs/servers.ts'
import { FILLED_KEY, FILLED_SOURCE, PAST_DAYS } from './filled-rows.ts'

const DAY_MS = 86_400_000
/** Of a day, what followed changes and found something. */
const FOLLOWED_PER_DAY = 4
/** One run of so many found something. */
const RUNS_PER_FINDINGS = 5
const FINDINGS = 50
const COMPANIES = 'dx_company_entities_v1'

function findingsOf(number: number, found: number): Finding[] {
  return Array.from({ length: found }, (_, index) => ({
    ...{ dataset: COMPANIES, org_id: null, class: 'missing' as const, columns: [], reason: null },
    ...{ source_version: '2', hq_version: null, repair: 'sent' as const },
    key: `${randomUUID()}/run-${number}-${index}`,
  }))
}

function datasetOf(dataset: string, found: number): DatasetReconciliation {
  const empty = emptyDataset(dataset, found === 0 ? 'equal' : 'different', null)
  return {
    ...{ ...empty, source_rows: 2_000_000, hq_rows: 2_000_000 - found, coverage: 1 },
    findings: { ...empty.findings, missing: found },
    repairs: { ...empty.repairs, sent: found },
    duration_ms: 60_000,
  }
}

function runAt(number: number, finishedMs: number, isWhole: boolean): Reconciliation {
  // The newest whole one finds nothing; one of them finds as much as is kept.
  const found = number === 1 ? LIMITS.maxFindings : number % RUNS_PER_FINDINGS === 0 ? FINDINGS : 0
  const names = isWhole ? DATASETS.map(({ name }) => name) : [COMPANIES]
  return reconciliationSchema.parse({
    ...{ source: FILLED_SOURCE, schema_version: 'v1', id: randomUUID(), scope: {}, repair: true },
    ...{ kind: isWhole ? 'daily' : 'follow', version: '0.2.0' },
    state: found === 0 ? 'equal' : 'different',
    started_at: new Date(finishedMs - 60_000).toISOString(),
    finished_at: new Date(finishedMs).toISOString(),
    datasets: names.map((name) => datasetOf(name, name === COMPANIES ? found : 0)),
    findings: findingsOf(number, found),
  })
}

const AT_SOURCE = `
insert into hq_export.reconciliation (id, started_at, finished_at, told_at, is_whole, kind, state,
  request, run, findings, cost)
select id, started_at, finished_at, finished_at, kind = 'daily', kind, state,
  '{"datasets": null, "scope": {}, "repair": "auto", "rotation": false}',
  to_jsonb(r) - 'findings', r.findings, '[]'
from jsonb_to_recordset($1) as r (id uuid, source text, schema_version text, started_at timestamptz,
  finished_at timestamptz, kind text, state text, scope jsonb, repair bool, version text,
  datasets jsonb, findings jsonb)`

const IN_HQ = `
with run as (
  insert into ingest.reconciliation (received_at, started_at, finished_at, id, repair, source,
    schema_version, kind, state, version, key_id, scope, datasets, fingerprint)
  select finished_at, started_at, finished_at, id, repair, source, schema_version, kind, state,
    version, '${FILLED_KEY}', scope, datasets, sha256(id::text::bytea)
  from jsonb_to_recordset($1) as r (id uuid, source text, schema_version text,
    started_at timestamptz, finished_at timestamptz, kind text, state text, scope jsonb,
    repair bool, version text, datasets jsonb)
)
insert into ingest.reconciliation_finding (id, position, source, dataset, key, class, repair,
  columns, source_version)
select (r ->> 'id')::uuid, f.position - 1, '${FILLED_SOURCE}', f.value ->> 'dataset',
  f.value ->> 'key', f.value ->> 'class', f.value ->> 'repair', '{}',
  (f.value ->> 'source_version')::bigint
from jsonb_array_elements($1) as r
cross join lateral jsonb_array_elements(r -> 'findings') with ordinality as f (value, position)`

/** Fills both sides with the comparisons of the past. @returns id of the one that found the most. */
export async function fillRuns({ dx, hq }: BenchServers): Promise<string> {
  const perDay = FOLLOWED_PER_DAY + 1
  const count = PAST_DAYS * perDay
  const begin = Date.now() - PAST_DAYS * DAY_MS
  const runs = Array.from({ length: count }, (_, index) =>
    runAt(index + 1, begin + ((index + 1) * DAY_MS) / perDay, index % perDay === perDay - 1),
  )
  const json = JSON.stringify(runs)
  await dx.client.query(AT_SOURCE, [json])
  await hq.client.query(IN_HQ, [json])
  return runs[0]?.id ?? ''
}
