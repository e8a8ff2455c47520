import { randomUUID } from 'node:crypto'
import type pg from 'pg'

type Values = Readonly<Record<string, unknown>>

async function insert(client: pg.ClientBase, table: string, values: Values): Promise<void> {
  const columns = Object.keys(values)
  const parameters = columns.map((_, index) => `$${index + 1}`)
  await client.query(
    `insert into ${table} (${columns.join(', ')}) values (${parameters.join(', ')})`,
    Object.values(values),
  )
}

/** A tenant; returns its id. */
export async function insertLiveOrg(client: pg.ClientBase): Promise<string> {
  const id = randomUUID()
  await insert(client, 'ops.orgs', { id, name: 'Org', slug: id })
  return id
}

/** A company that a tenant works for; returns its id. */
export async function insertTenantCompany(client: pg.ClientBase, orgId: string): Promise<string> {
  const id = randomUUID()
  await insert(client, 'ops.companies', { id, org_id: orgId, name: 'Tenant company' })
  return id
}

/** A pipeline run, the target of an entity's last_run_id; returns its id. */
export async function insertPipelineRun(
  client: pg.ClientBase,
  orgId: string,
  companyId: string,
): Promise<string> {
  const id = randomUUID()
  const submission = randomUUID()
  const common = { org_id: orgId, company_id: companyId, blueprint_id: randomUUID() }
  await insert(client, 'ops.submissions', { ...common, id: submission, input_payload: '{}' })
  await insert(client, 'ops.pipeline_runs', {
    ...common,
    id,
    submission_id: submission,
    blueprint_snapshot: '{}',
    blueprint_version: 1,
  })
  return id
}

/** One operation call, as the system writes it when the call has ended; returns its id. */
export async function insertLiveRun(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const runId = randomUUID()
  await insert(client, 'ops.operation_runs', {
    run_id: runId,
    org_id: orgId,
    role: 'org_admin',
    auth_method: 'api_key',
    operation_id: 'company.enrich.profile',
    entity_type: 'company',
    status: 'found',
    input_payload: '{"company_domain":"acme.example"}',
    ...values,
  })
  return runId
}

/** The attempts of a run, in one statement, as the system writes them; returns their ids. */
export async function insertAttempts(
  client: pg.ClientBase,
  runId: string,
  attempts: readonly Values[],
): Promise<string[]> {
  const rows = attempts.map((values) => ({
    id: randomUUID(),
    run_id: runId,
    provider: 'prospeo',
    action: 'company_enrich',
    status: 'found',
    http_status: 200,
    duration_ms: 120,
    raw_response: '{"secret":"provider-key"}',
    ...values,
  }))
  // Columns that no row names take their defaults.
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].join(', ')
  await client.query(
    `insert into ops.operation_attempts (${names})
     select ${names}
     from pg_catalog.json_populate_recordset(null::ops.operation_attempts, $1::json)`,
    [JSON.stringify(rows)],
  )
  return rows.map(({ id }) => id)
}

/** A canonical company at version 1; returns its entity id. */
export async function insertLiveCompany(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const entityId = String(values.entity_id ?? randomUUID())
  await insert(client, 'entities.company_entities', {
    org_id: orgId,
    entity_id: entityId,
    canonical_name: 'Acme',
    canonical_payload: '{"canonical_name":"Acme","provider_data":{"key":"provider-key"}}',
    ...values,
  })
  return entityId
}

/** A canonical person at version 1; returns its entity id. */
export async function insertLivePerson(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const entityId = String(values.entity_id ?? randomUUID())
  await insert(client, 'entities.person_entities', {
    org_id: orgId,
    entity_id: entityId,
    full_name: 'Ada Example',
    ...values,
  })
  return entityId
}

/**
 * An update as the system makes it: of the version that it read, to the next; then, best effort,
 * what was replaced.
 */
export async function updateLiveEntity(
  client: pg.ClientBase,
  type: 'company' | 'person',
  key: { readonly orgId: string; readonly entityId: string },
  values: Values,
): Promise<void> {
  const table = `entities.${type}_entities`
  const of = 'org_id = $1 and entity_id = $2'
  const ids = [key.orgId, key.entityId]
  const { rows } = await client.query<{ version: string; payload: string | null }>(
    `select record_version::text as version, canonical_payload::text as payload
     from ${table} where ${of}`,
    ids,
  )
  const [old] = rows
  if (old === undefined) throw new Error('no such entity')
  const sets = Object.keys(values).map((name, index) => `${name} = $${index + 4}`)
  await client.query(
    `update ${table} set ${[...sets, 'record_version = record_version + 1'].join(', ')}
     where ${of} and record_version = $3`,
    [...ids, old.version, ...Object.values(values)],
  )
  await client.query(
    `insert into entities.entity_snapshots
       (org_id, entity_type, entity_id, record_version, canonical_payload)
     values ($1, $2, $3, $4, coalesce($5::jsonb, '{}')) on conflict do nothing`,
    [key.orgId, type, key.entityId, old.version, old.payload],
  )
}
