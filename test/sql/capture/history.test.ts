import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { datasetByName } from '@hq-export/contract'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { dropHistoryTriggers } from '@hq-export/outbox-relay/binding/install/drop-history-triggers.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Captured, capturing, ofDataset } from '../../support/capture-rows.ts'
import { createLiveDatabase } from '../../support/live-shape/live-databases.ts'
import { insertLiveCompany, insertLiveOrg } from '../../support/live-shape/live-rows.ts'
import { insertCompany, insertOrg, insertPerson } from '../../support/reference-rows.ts'
import { createUnboundDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const COMPANIES = 'dx_company_entities_v1'
const PERSONS = 'dx_person_entities_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'

/** A tenant whose entities were there before they were bound. */
interface Tenant {
  readonly orgId: string
  readonly entityIds: readonly string[]
  readonly companyId: string
  readonly runId: string
}

let database: TestDatabase
let writer: pg.Client
/**
 * Snapshots by id, as the view shows them right after `bind`: what HQ must have of them, whatever
 * comes.
 */
let atBind: ReadonlyMap<string, Record<string, unknown>>
const tenants: Tenant[] = []

async function insertTenant(): Promise<Tenant> {
  const orgId = await insertOrg(writer)
  const [companyId, runId] = [randomUUID(), randomUUID()]
  await writer.query(`insert into ops.companies (id, org_id, name) values ($1, $2, 'x')`, [
    companyId,
    orgId,
  ])
  await writer.query(
    `insert into ops.pipeline_runs (id, org_id, workflow_id) values ($1, $2, 'x')`,
    [runId, orgId],
  )
  const entityIds: string[] = []
  for (let n = 0; n < 3; n++) {
    const values = { company_id: companyId, last_run_id: runId, record_version: 5 }
    const payload = `{"n": ${n}, "cost": 1.10, "big": 12345678901234567890}`
    entityIds.push(await insertCompany(writer, orgId, { ...values, canonical_payload: payload }))
  }
  await insertPerson(writer, orgId)
  return { orgId, entityIds, companyId, runId }
}

/** Snapshots as a capture writes them: by the same JSON, in the same time zone. */
async function snapshotsNow(): Promise<Map<string, Record<string, unknown>>> {
  const list = datasetByName(SNAPSHOTS).columns.map(({ name, type }) =>
    ['uuid', 'int8', 'numeric', 'jsonb'].includes(type) ? `${name}::text as ${name}` : name,
  )
  await writer.query(`set timezone = 'UTC'`)
  const { rows } = await writer.query<{ row: string }>(
    `select row_to_json(w)::text as row
     from (select ${list.join(', ')} from hq_export.${SNAPSHOTS}) w`,
  )
  return new Map(rows.map(({ row }) => [JSON.parse(row).snapshot_id, JSON.parse(row)]))
}

beforeAll(async () => {
  database = await createUnboundDxDatabase()
  writer = await database.connect()
  for (let n = 0; n < 40; n++) tenants.push(await insertTenant())
  await bind(database.url, 'reference')
  atBind = await snapshotsNow()
})

afterAll(() => database[Symbol.asyncDispose]())

function nextTenant(): Tenant {
  const tenant = tenants.shift()
  if (tenant === undefined) throw new Error('more tenants are needed')
  return tenant
}

/**
 * What was captured has every version of before `bind` that is no longer there, once, as the view
 * had it; beside these one snapshot for each exported row, as ever; and no version with two
 * contents.
 */
async function expectKept(rows: readonly Captured[], orgId?: string): Promise<void> {
  expect(rows.filter(({ sqlstate }) => sqlstate !== null)).toEqual([])
  const now = await snapshotsNow()
  const replaced = [...atBind].filter(
    ([id, row]) => (orgId === undefined || row.org_id === orgId) && !now.has(id),
  )
  expect(replaced.length).toBeGreaterThan(0)
  const captured = ofDataset(rows, SNAPSHOTS)
  for (const [id, row] of replaced) {
    expect(captured.filter(({ key }) => key === id).map((found) => found.row)).toEqual([row])
  }
  const contents = new Map<unknown, string | null>()
  for (const { key, body } of captured) {
    expect(contents.get(key) ?? body).toBe(body)
    contents.set(key, body)
  }
  // A version that is still there, because somebody kept the row from being changed, may have gone
  // out with the others.
  const others = captured.filter(({ key }) => !atBind.has(String(key)))
  const exported = rows.filter(({ dataset }) => dataset === COMPANIES || dataset === PERSONS)
  expect(others).toHaveLength(exported.length)
}

const table = 'entities.company_entities'

describe('a version that was there before its entity was bound is exported when it is replaced', () => {
  const CHANGES: Record<string, (tenant: Tenant) => string> = {
    'by an update': ({ orgId }) =>
      `update ${table} set canonical_name = 'u', record_version = record_version + 1
       where org_id = '${orgId}'`,
    'by several': ({ orgId }) =>
      `update ${table} set canonical_name = 'u', record_version = record_version + 1
       where org_id = '${orgId}';
       update ${table} set canonical_name = 'v', record_version = record_version + 1
       where org_id = '${orgId}';
       delete from ${table} where org_id = '${orgId}'`,
    'by an update without a new version': ({ orgId }) =>
      `update ${table} set canonical_name = 's' where org_id = '${orgId}';
       update ${table} set canonical_name = 'u', record_version = record_version + 1
       where org_id = '${orgId}'`,
    'by a version that goes back': ({ orgId }) =>
      `update ${table} set canonical_name = 'b', record_version = 1 where org_id = '${orgId}'`,
    'by a delete, and an insert under its key': ({ orgId, entityIds }) =>
      `delete from ${table} where org_id = '${orgId}';
       insert into ${table} (org_id, entity_id) values ('${orgId}', '${entityIds[0]}');
       update ${table} set canonical_name = 'u' where org_id = '${orgId}'`,
    'by a new key': ({ orgId }) =>
      `update ${table} set entity_id = gen_random_uuid() where org_id = '${orgId}'`,
    'by ON CONFLICT DO UPDATE': ({ orgId, entityIds }) =>
      `insert into ${table} (org_id, entity_id) values ('${orgId}', '${entityIds[1]}')
       on conflict (org_id, entity_id) do update set canonical_name = 'c', record_version = 6`,
    'by MERGE': ({ orgId, entityIds }) =>
      `merge into ${table} t
       using (values ('${orgId}'::uuid, '${entityIds[1]}'::uuid)) v (org_id, entity_id)
       on t.org_id = v.org_id and t.entity_id = v.entity_id
       when matched then update set canonical_name = 'm'`,
    'by a cascade of its tenant': ({ orgId }) => `delete from ops.orgs where id = '${orgId}'`,
    'by a foreign key that is set NULL': ({ companyId }) =>
      `delete from ops.companies where id = '${companyId}'`,
    'by two foreign keys that one statement sets NULL': ({ companyId, runId }) =>
      `with a as (delete from ops.companies where id = '${companyId}')
       delete from ops.pipeline_runs where id = '${runId}'`,
    'by an update and a cascade in one statement': ({ orgId, entityIds }) =>
      `with u as (update ${table} set record_version = 7 where entity_id = '${entityIds[0]}')
       delete from ops.orgs where id = '${orgId}'`,
    'after it was changed, and that was undone': ({ orgId }) =>
      `begin; savepoint s;
       update ${table} set canonical_name = 'gone', record_version = 6 where org_id = '${orgId}';
       rollback to savepoint s;
       update ${table} set canonical_name = 'stays', record_version = 6
       where org_id = '${orgId}'; commit`,
    'in a repeatable read transaction': ({ orgId }) =>
      `begin isolation level repeatable read;
       update ${table} set canonical_name = 's' where org_id = '${orgId}';
       update ${table} set record_version = 9 where org_id = '${orgId}';
       delete from ${table} where org_id = '${orgId}'; commit`,
    'in a serializable transaction': ({ orgId }) =>
      `begin isolation level serializable;
       update ${table} set canonical_name = 's' where org_id = '${orgId}';
       update ${table} set record_version = 9 where org_id = '${orgId}';
       delete from ${table} where org_id = '${orgId}'; commit`,
  }
  test.each(Object.keys(CHANGES))('%s', async (name) => {
    const tenant = nextTenant()
    const rows = await capturing(writer, () => writer.query(CHANGES[name]?.(tenant) ?? ''))
    await expectKept(rows, tenant.orgId)
  })

  // Whatever fires first, ours or theirs: what the statement's own triggers see may be out of date.
  const THIS = 'where org_id = new.org_id and entity_id = new.entity_id'
  test.each(
    ['a_first', 'z_last'].flatMap((name) => [
      [name, `update ${table} set canonical_name = 'again' ${THIS}`],
      [name, `update ${table} set canonical_name = 'again', record_version = 8 ${THIS}`],
      [name, `update ${table} set canonical_name = 'again', record_version = 1 ${THIS}`],
      [name, `update ${table} set canonical_name = 'others' where org_id = new.org_id`],
      [name, `delete from ${table} ${THIS}`],
    ]),
  )('with a trigger of the application, %s: %s', async (name, statement) => {
    const { orgId } = nextTenant()
    await writer.query(`
      create function entities.write_again() returns trigger language plpgsql as $$
      begin
        if pg_trigger_depth() = 1 then ${statement}; end if;
        return null;
      end $$;
      create trigger ${name} after update on ${table}
        for each row execute function entities.write_again()`)
    const rows = await capturing(writer, async () => {
      await writer.query(
        `update ${table} set canonical_name = 'u', record_version = 6 where org_id = $1`,
        [orgId],
      )
      await writer.query(`update ${table} set canonical_name = 'v' where org_id = $1`, [orgId])
    }).finally(() => writer.query('drop function entities.write_again() cascade'))
    await expectKept(rows, orgId)
  })

  test('with a trigger of the application that writes it again while a foreign key of it is set NULL', async () => {
    const { orgId, companyId } = nextTenant()
    await writer.query(`
      create function ops.write_entities() returns trigger language plpgsql as $$
      begin
        update ${table} set canonical_name = 'again' where org_id = old.org_id;
        return null;
      end $$;
      create trigger z_last after delete on ops.companies
        for each row execute function ops.write_entities()`)
    const rows = await capturing(writer, () =>
      writer.query('delete from ops.companies where id = $1', [companyId]),
    ).finally(() => writer.query('drop function ops.write_entities() cascade'))
    await expectKept(rows, orgId)
  })

  test('once, when a trigger of the application kept it from being changed the first time', async () => {
    const { orgId } = nextTenant()
    await writer.query(`
      create function entities.refuse() returns trigger language plpgsql
        as $$ begin return null; end $$;
      create trigger z_refuse before update on ${table}
        for each row execute function entities.refuse()`)
    const update = `update ${table} set canonical_name = 'u', record_version = 6 where org_id = $1`
    const rows = await capturing(writer, async () => {
      await writer
        .query(update, [orgId])
        .finally(() => writer.query('drop function entities.refuse() cascade'))
      await writer.query(update, [orgId])
    })
    await expectKept(rows, orgId)
  })

  test.each(['commit', 'rollback'])(
    'once, by two writers of one row, of whom the first ends by %s',
    async (end) => {
      const { orgId } = nextTenant()
      const other = await database.connect()
      const { pid } = (await other.query('select pg_backend_pid() as pid')).rows[0]
      const update = (session: pg.Client, name: string) =>
        session.query(
          `update ${table} set canonical_name = $2, record_version = record_version + 1
           where org_id = $1`,
          [orgId, name],
        )
      const rows = await capturing(writer, async () => {
        await writer.query('begin')
        await update(writer, 'first')
        const second = update(other, 'second')
        await waitFor('the second to wait for the first', async () => {
          const { rows: waiting } = await writer.query(
            'select from pg_locks where pid = $1 and not granted',
            [pid],
          )
          return waiting.length > 0
        })
        await writer.query(end)
        await second
      })
      await expectKept(rows, orgId)
    },
  )

  test('by a writer that knows nothing of us, and its large values are not written anew', async () => {
    const { orgId, entityIds } = nextTenant()
    const role = `writer_${randomUUID().replaceAll('-', '')}`
    await writer.query(`create role ${role};
      grant usage on schema entities to ${role}; grant select, update on ${table} to ${role};
      alter table ${table} alter column canonical_payload set storage external`)
    const toast = async () =>
      (
        await writer.query<{ bytes: string }>(
          `select pg_relation_size(reltoastrelid)::text as bytes from pg_class
           where oid = '${table}'::regclass`,
        )
      ).rows[0]?.bytes
    await writer.query(
      `update ${table} set canonical_payload = jsonb_build_object('x', repeat('x', 100000))
       where entity_id = $1`,
      [entityIds[0]],
    )
    const before = await toast()
    const rows = await capturing(writer, async () => {
      await writer.query(`set role ${role}`)
      await writer
        .query(`update ${table} set canonical_name = 'u', record_version = 6 where org_id = $1`, [
          orgId,
        ])
        .finally(() => writer.query('reset role'))
    })
    expect(await toast()).toBe(before)
    expect(ofDataset(rows, SNAPSHOTS).length).toBeGreaterThan(3)
    await writer.query(`drop owned by ${role}; drop role ${role}`)
  })

  test('by TRUNCATE, all at once', async () => {
    const rest = new Set(tenants.map(({ orgId }) => orgId))
    expect(rest.size).toBeGreaterThan(0)
    const rows = await capturing(writer, () => writer.query(`truncate ${table}`))
    for (const orgId of rest)
      await expectKept(
        rows.filter(({ row }) => row.org_id === orgId),
        orgId,
      )
  })
})

test('in partitions, also when the row moves to another, and by TRUNCATE of one', async () => {
  await using parted = await createUnboundDxDatabase()
  const client = await parted.connect()
  await client.query(`
    alter table entities.company_entities rename to old_companies;
    create table entities.company_entities
      (like entities.old_companies including defaults including constraints,
      primary key (org_id, entity_id)) partition by hash (entity_id);
    create table entities.companies_0 partition of entities.company_entities
      for values with (modulus 2, remainder 0);
    create table entities.companies_1 partition of entities.company_entities
      for values with (modulus 2, remainder 1)`)
  const orgId = await insertOrg(client)
  for (let n = 0; n < 40; n++) await insertCompany(client, orgId)
  await bind(parted.url, 'reference')
  const before = await client.query<{ id: string }>(
    `select snapshot_id::text as id from hq_export.${SNAPSHOTS} order by 1`,
  )
  const rows = await capturing(client, async () => {
    await client.query('update entities.companies_0 set record_version = 2')
    await client.query(`update ${table} set entity_id = gen_random_uuid()`)
    await client.query('truncate entities.companies_1')
    await client.query(`delete from ${table}`)
  })
  const captured = ofDataset(rows, SNAPSHOTS).map(({ key }) => key)
  const kept = before.rows.filter(({ id }) => captured.filter((key) => key === id).length === 1)
  expect(kept).toHaveLength(40)
})

test('an empty table has no history to complete: nothing is added to its captures', async () => {
  await using empty = await createUnboundDxDatabase()
  const client = await empty.connect()
  const orgId = await insertOrg(client)
  await insertPerson(client, orgId)
  await bind(empty.url, 'reference')
  const { rows } = await client.query(
    `select dataset, history_complete_at = captured_since as complete from hq_export.binding
     where number in (3, 4) order by number`,
  )
  expect(rows).toEqual([
    { dataset: COMPANIES, complete: true },
    { dataset: PERSONS, complete: null },
  ])
  const triggers = await client.query(
    `select tgname as name from pg_trigger where tgname ~ 'replaced|emptied' order by 1`,
  )
  expect(triggers.rows.map(({ name }) => name)).toEqual([
    'hq_export_4_emptied',
    'hq_export_4_replaced',
  ])
  expect(await bind(empty.url, 'reference')).toMatchObject({ changed: false })

  // Of the other, what cannot be projected is kept raw, and no write fails.
  await client.query('alter table entities.person_entities drop column last_run_id')
  const captured = await capturing(client, async () => {
    await client.query(`update entities.person_entities set full_name = 'u'`)
    await client.query('truncate entities.person_entities')
  })
  const raw = { dataset: PERSONS, row: { org_id: orgId } }
  expect(ofDataset(captured, SNAPSHOTS)).toMatchObject([
    { sqlstate: '42703', deleted: false, row: { ...raw, version: '1' } },
    { sqlstate: '42703', deleted: false, row: { ...raw, version: null } },
  ])
})

test('triggers of a complete history give way to whoever reads the table, and go once that is over; writers never wait for long', async () => {
  await using bound = await createUnboundDxDatabase()
  const [client, reader] = [await bound.connect(), await bound.connect()]
  const orgId = await insertOrg(client)
  await insertCompany(client, orgId)
  await bind(bound.url, 'reference')
  expect(await dropHistoryTriggers(client, bound.url)).toEqual({ kind: 'nothing' })
  await client.query(`update hq_export.binding set history_complete_at = now() where number = 3`)
  await reader.query(`begin; select from ${table}`)
  const closing = { lockWaitMs: 20, attempts: 2 }
  const pauses: unknown[] = []
  const sleep = async () => {
    pauses.push(await client.query(`update ${table} set record_version = record_version + 1`))
  }
  const left = { kind: 'left', datasets: [COMPANIES], why: 'their tables were busy' }
  expect(await dropHistoryTriggers(client, bound.url, { ...closing, sleep })).toEqual(left)
  expect(pauses).toHaveLength(1)
  expect(
    await dropHistoryTriggers(client, bound.url, {
      ...closing,
      sleep: () => reader.query('commit'),
    }),
  ).toMatchObject({ kind: 'closed' })
  expect(await dropHistoryTriggers(client, bound.url)).toEqual({ kind: 'nothing' })
  const { rows } = await client.query(
    `select proname from pg_proc where proname ~ '_(replaced|emptied)$'
     union all select tgname from pg_trigger where tgname ~ '_(replaced|emptied)$'`,
  )
  expect(rows).toEqual([])
})

test('a version comes from the history table or from its capture, never from both', async () => {
  await using live = await createLiveDatabase()
  const client = await live.connect()
  const orgId = await insertLiveOrg(client)
  const entityId = await insertLiveCompany(client, orgId, {
    created_at: '2020-01-01',
    record_version: 2,
  })
  await bind(live.url, 'data-engine-x')
  // The source noted both before, and the second only becomes visible now.
  for (const version of [1, 2]) {
    await client.query(
      `insert into entities.entity_snapshots
         (entity_type, org_id, entity_id, record_version, canonical_payload, captured_at)
       values ('company', $1, $2, $3, '{}', '2021-01-01')`,
      [orgId, entityId, version],
    )
  }
  const rows = await capturing(client, () =>
    client.query(`update ${table} set canonical_name = 'x', record_version = 3`),
  )
  const captured = ofDataset(rows, SNAPSHOTS).map(({ row }) => row.record_version)
  expect(captured.toSorted()).toEqual(['2', '3'])
  const { rows: viewed } = await client.query(
    `select record_version from hq_export.${SNAPSHOTS} order by 1`,
  )
  expect(viewed).toEqual([{ record_version: '1' }, { record_version: '3' }])
})

test('an installation that was there before the migration: what was backfilled as a whole is complete, the rest begins with the next bind', async () => {
  await using older = await createUnboundDxDatabase()
  const client = await older.connect()
  const orgId = await insertOrg(client)
  await insertCompany(client, orgId)
  await insertPerson(client, orgId)
  await bind(older.url, 'reference')
  await client.query(`
    drop function hq_export.capture_${COMPANIES}_replaced, hq_export.capture_${COMPANIES}_emptied,
      hq_export.capture_${PERSONS}_replaced, hq_export.capture_${PERSONS}_emptied cascade;
    drop table hq_export.captured_from cascade;
    alter table hq_export.binding drop column history_complete_at;
    insert into hq_export.backfill (state, finished_at, since, progress) values
      ('completed', now(), null,
        '{"passes": [{"dataset": "${COMPANIES}", "snapshots": "current"}]}'),
      ('completed', now(), '2020-01-01',
        '{"passes": [{"dataset": "${PERSONS}", "snapshots": "current"}]}')`)
  // By itself: later migrations stand on it.
  await client.query(await readFile(join(dxMigrations.folder, '0009_complete_history.sql'), 'utf8'))
  await bind(older.url, 'reference')
  const { rows } = await client.query(
    `select b.number, b.history_complete_at is not null as complete,
            exists (select from pg_trigger
              where tgname = format('hq_export_%s_replaced', b.number)) as keeps
     from hq_export.binding b where b.number in (3, 4) order by 1`,
  )
  expect(rows).toEqual([
    { number: 3, complete: true, keeps: false },
    { number: 4, complete: false, keeps: true },
  ])
})
