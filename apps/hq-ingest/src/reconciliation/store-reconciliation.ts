import { hash } from 'node:crypto'
import {
  isDatasetName,
  type Reconciliation,
  type ReconciliationAnswer,
  reconciliationSchema,
  SCHEMA_VERSION,
} from '@hq-export/contract'
import { assertMayWrite } from '../batch/verify-batch.ts'
import { transact } from '../db/transact.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import { Refusal } from '../refusal/refusal.ts'
import type { Comparing, Comparison } from './receive-request.ts'

/*
 * Locks: the row of the run, until the end of the transaction, so that two posts of one run write
 * its findings one after the other. The first post is kept, but for one thing: what was `repaired`
 * may turn out to be equal, or to be repaired in more datasets than before.
 */
const RECORD = `
  insert into ingest.reconciliation as r
    (source, id, schema_version, kind, state, started_at, finished_at, repair, version, key_id,
     orgs, scope, datasets, fingerprint)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  on conflict (source, id) do update
  set state = excluded.state, datasets = excluded.datasets, key_id = excluded.key_id,
    fingerprint = excluded.fingerprint, received_at = pg_catalog.clock_timestamp()
  where r.state = 'repaired' and excluded.state in ('repaired', 'equal')
    and r.fingerprint <> excluded.fingerprint and r.orgs is not distinct from excluded.orgs`

const FIND_ORGS = `
  select r.orgs is not distinct from $3::uuid[] as same
  from ingest.reconciliation as r where r.source = $1 and r.id = $2`

const CLEAR = 'delete from ingest.reconciliation_finding where source = $1 and id = $2'

const FIND = `
  insert into ingest.reconciliation_finding
    (source, id, position, dataset, key, org_id, class, columns, source_version, hq_version,
     reason, repair)
  select $1, $2, f.n - 1, f.dataset, f.key, f.org_id, f.class, f.columns, f.source_version,
    f.hq_version, f.reason, f.repair
  from rows from (
    pg_catalog.json_to_recordset($3::json) as (dataset text, key text, org_id uuid, class text,
      columns text[], source_version bigint, hq_version bigint, reason text, repair text)
  ) with ordinality as f (dataset, key, org_id, class, columns, source_version, hq_version,
      reason, repair, n)`

/**
 * Whoever may write some orgs or datasets may speak of no other.
 * @throws {Refusal} `not_allowed` (403), or `unknown_dataset` (422).
 */
function assertOwn({ datasets, findings, scope, ...run }: Reconciliation, key: IngestKey): void {
  if (run.schema_version !== SCHEMA_VERSION) throw new Refusal('unknown_dataset')
  for (const { dataset } of [...datasets, ...findings]) {
    if (!isDatasetName(dataset)) throw new Refusal('unknown_dataset')
    assertMayWrite(dataset, key)
  }
  const { orgs } = key
  if (orgs === undefined) return
  const named = findings.map(({ org_id: org }) => org)
  if (scope.org_id !== undefined) named.push(scope.org_id)
  if (named.every((org) => org !== null && orgs.has(org.toLowerCase()))) return
  throw new Refusal('not_allowed', 'the key may not speak of this org')
}

async function answer(
  { comparePool }: Comparing,
  run: Reconciliation,
  key: IngestKey,
): Promise<ReconciliationAnswer> {
  assertOwn(run, key)
  const { source, id, findings } = run
  const orgs = key.orgs === undefined ? null : [...key.orgs].sort()
  const values = [
    ...[source, id, run.schema_version, run.kind, run.state, run.started_at, run.finished_at],
    ...[run.repair, run.version, key.id, orgs],
    JSON.stringify(run.scope),
    JSON.stringify(run.datasets),
    hash('sha256', JSON.stringify(run), 'buffer'),
  ]
  return transact(comparePool, async (client) => {
    const { rowCount } = await client.query(RECORD, values)
    if (rowCount === 0) {
      const { rows } = await client.query<{ same: boolean }>(FIND_ORGS, [source, id, orgs])
      if (rows[0]?.same === true) return { id, replayed: true }
      throw new Refusal('not_allowed', 'this id is a reconciliation of other orgs')
    }
    await client.query(CLEAR, [source, id])
    await client.query(FIND, [source, id, JSON.stringify(findings)])
    return { id, replayed: false }
  })
}

/** `POST /v1/reconciliations`. */
export const reconciliations: Comparison<Reconciliation, ReconciliationAnswer> = {
  schema: reconciliationSchema,
  answer,
}
