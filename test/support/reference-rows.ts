import { randomUUID } from 'node:crypto'
import type pg from 'pg'

type Values = Readonly<Record<string, unknown>>

/** Inserts one row of the reference schema; what a test does not state takes a plausible value. */
async function insert(client: pg.ClientBase, table: string, values: Values): Promise<void> {
  const columns = Object.keys(values)
  const parameters = columns.map((_, index) => `$${index + 1}`)
  await client.query(
    `insert into ${table} (${columns.join(', ')}) values (${parameters.join(', ')})`,
    Object.values(values),
  )
}

/** A tenant; returns its id. */
export async function insertOrg(client: pg.ClientBase): Promise<string> {
  const id = randomUUID()
  await insert(client, 'ops.orgs', { id, name: `org ${id}` })
  return id
}

/** A canonical company; returns its entity id. */
export async function insertCompany(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const entityId = randomUUID()
  await insert(client, 'entities.company_entities', {
    org_id: orgId,
    entity_id: entityId,
    canonical_name: 'Acme',
    ...values,
  })
  return String(values.entity_id ?? entityId)
}

/** A canonical person; returns its entity id. */
export async function insertPerson(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const entityId = randomUUID()
  await insert(client, 'entities.person_entities', {
    org_id: orgId,
    entity_id: entityId,
    full_name: 'Ada Example',
    ...values,
  })
  return String(values.entity_id ?? entityId)
}

/** A run that has ended; returns its id. */
export async function insertRun(
  client: pg.ClientBase,
  orgId: string,
  values: Values = {},
): Promise<string> {
  const runId = randomUUID()
  await insert(client, 'ops.operation_runs', {
    run_id: runId,
    org_id: orgId,
    entity_id: randomUUID(),
    operation_id: 'company.enrich.profile',
    action_id: 'prospeo.company',
    entity_type: 'company',
    status: 'succeeded',
    ...values,
  })
  return String(values.run_id ?? runId)
}

/** An event of a run; returns its id. */
export async function insertEvent(
  client: pg.ClientBase,
  orgId: string,
  runId: string,
  values: Values = {},
): Promise<string> {
  const eventId = randomUUID()
  await insert(client, 'ops.operation_events', {
    event_id: eventId,
    run_id: runId,
    org_id: orgId,
    entity_id: randomUUID(),
    event_sequence: 1,
    event_type: 'request_sent',
    entity_type: 'company',
    ...values,
  })
  return String(values.event_id ?? eventId)
}
