import { noticeDifferences } from '@hq-export/outbox-relay/binding/inspect/known-source.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { capturing, versionsOf } from '../../support/capture-rows.ts'
import { insertCompany, insertOrg, insertPerson } from '../../support/reference-rows.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'

const COMPANIES = 'dx_company_entities_v1'
const TABLE = 'entities.company_entities'
const KEY = 'company_entities_pkey'

let database: TestDatabase
let client: pg.Client
let relay: pg.Client
let orgId: string

beforeAll(async () => {
  database = await createDxDatabase()
  client = await database.connect()
  relay = await connect(database.url, 'test', () => {})
  orgId = await insertOrg(client)
})

afterAll(async () => {
  await relay.end()
  await database[Symbol.asyncDispose]()
})

/** What the relay notices after `change`; ended by `undo`, `bind` and deleted gaps. */
async function noticed(change: string, undo: string): Promise<string[]> {
  await client.query(change)
  await noticeDifferences(relay)
  await noticeDifferences(relay)
  const { rows } = await client.query<{ operation: string }>(
    'select operation from hq_export.capture_gap where dataset = 3 order by 1',
  )
  await client.query(undo)
  await bind(database.url, 'reference')
  await client.query('delete from hq_export.capture_gap')
  await noticeDifferences(relay)
  expect((await client.query('select from hq_export.capture_gap')).rowCount).toBe(0)
  return rows.map(({ operation }) => operation)
}

const swap = `alter table ${TABLE} rename to companies_old;
  create table ${TABLE} (like entities.companies_old including all)`
const swapBack = `drop table ${TABLE};
  alter table entities.companies_old rename to company_entities`

describe('I1: what may have cost changes since bind is noticed by the relay, once, until bind', () => {
  test.each([
    [
      'triggers disabled and enabled at once',
      `alter table ${TABLE} disable trigger all; alter table ${TABLE} enable trigger all`,
      'select',
      ['trigger changed'],
    ],
    [
      'a trigger is dropped',
      `drop trigger hq_export_3_leave on ${TABLE}`,
      'select',
      ['trigger gone'],
    ],
    [
      'a child by inheritance',
      `create table entities.child () inherits (${TABLE})`,
      'drop table entities.child',
      ['inheritance added'],
    ],
    [
      'a key becomes deferrable',
      `alter table ${TABLE} drop constraint ${KEY},
         add constraint ${KEY} primary key (org_id, entity_id) deferrable`,
      `alter table ${TABLE} drop constraint ${KEY},
         add constraint ${KEY} primary key (org_id, entity_id)`,
      ['key changed'],
    ],
    [
      'another table takes the name',
      swap,
      swapBack,
      ['partition added', 'partition gone', 'table changed'],
    ],
    [
      'the table becomes unlogged',
      `alter table ${TABLE} set unlogged`,
      `alter table ${TABLE} set logged`,
      ['table changed'],
    ],
  ])('%s', async (_name, change, undo, operations) => {
    expect(await noticed(change, undo)).toEqual(operations)
  })

  test('vacuum, analyze, a rewrite of the table and of the catalog are nothing of the kind', async () => {
    expect(
      await noticed(
        `alter table ${TABLE} set (fillfactor = 90)`,
        `alter table ${TABLE} reset (fillfactor)`,
      ),
    ).toEqual([])
    await client.query(`vacuum (full, freeze) ${TABLE}`)
    await client.query('vacuum (full, freeze) pg_catalog.pg_trigger')
    await client.query('vacuum (freeze) pg_catalog.pg_trigger')
    expect(await noticed('select', 'select')).toEqual([])
  })
})

describe('I1: bind refuses a table whose rows change unseen, and says why', () => {
  test.each([
    [
      `create table entities.child () inherits (${TABLE})`,
      'drop table entities.child',
      /entities\.child inherit/,
    ],
    [
      `create table entities.parent (org_id uuid); alter table entities.parent alter org_id set not null; alter table ${TABLE} inherit entities.parent`,
      `alter table ${TABLE} no inherit entities.parent; drop table entities.parent`,
      /entities\.parent inherit/,
    ],
    [
      `alter table ${TABLE} set unlogged`,
      `alter table ${TABLE} set logged`,
      /unlogged, and a crash empties it/,
    ],
    [
      `alter table ${TABLE} drop constraint ${KEY}, add constraint ${KEY} primary key (org_id, entity_id) deferrable initially deferred`,
      `alter table ${TABLE} drop constraint ${KEY},
         add constraint ${KEY} primary key (org_id, entity_id)`,
      /is deferrable.*NOT DEFERRABLE/,
    ],
    [
      `create subscription hq_export_test connection 'host=127.0.0.1' publication none with (connect = false);
       insert into pg_catalog.pg_subscription_rel select oid, '${TABLE}'::regclass, 'r' from pg_catalog.pg_subscription where subname = 'hq_export_test'`,
      `alter subscription hq_export_test set (slot_name = none); drop subscription hq_export_test`,
      /written by a subscription/,
    ],
  ])('%s', async (change, undo, why) => {
    if (change.startsWith('create subscription'))
      await client.query('set allow_system_table_mods = on')
    for (const statement of change.split(';')) await client.query(statement)
    await expect(bind(database.url, 'reference')).rejects.toThrow(why)
    for (const statement of undo.split(';')) await client.query(statement)
    await bind(database.url, 'reference')
  })
})

describe('I1: whatever way a row is written', () => {
  test('a session that plays a replica is captured like any other', async () => {
    const rows = await capturing(client, async () => {
      await client.query('set session_replication_role = replica')
      const entity = await insertCompany(client, orgId)
      await client.query(
        `update ${TABLE} set canonical_name = 'x', record_version = 2 where entity_id = $1`,
        [entity],
      )
      await client.query(`delete from ${TABLE} where entity_id = $1`, [entity])
      await client.query('reset session_replication_role')
    })
    expect(versionsOf(rows, COMPANIES)).toEqual(['1', '2', '3!'])
  })

  test('two entities that exchange their keys over a third key end as they stand', async () => {
    const [a, b] = [
      await insertCompany(client, orgId, { canonical_name: 'a' }),
      await insertCompany(client, orgId, { canonical_name: 'b' }),
    ]
    const rows = await capturing(client, async () => {
      await client.query('begin')
      const move = (from: string, to: string) =>
        client.query(`update ${TABLE} set entity_id = $2 where entity_id = $1`, [from, to])
      const between = '00000000-0000-4000-8000-000000000001'
      await move(a, between)
      await move(b, a)
      await move(between, b)
      await client.query('commit')
    })
    const last = (key: string) =>
      rows
        .filter((row) => row.dataset === COMPANIES && row.key?.endsWith(key))
        .sort((x, y) => Number(x.version) - Number(y.version))
        .at(-1)
    expect(last(a)).toMatchObject({ deleted: false, row: { canonical_name: 'b' } })
    expect(last(b)).toMatchObject({ deleted: false, row: { canonical_name: 'a' } })
  })

  test('merge, copy, on conflict, and a delete and an insert of one key in a transaction', async () => {
    const entity = await insertCompany(client, orgId)
    const merge = (name: string) => `merge into ${TABLE} t
      using (values ('${orgId}'::uuid, '${entity}'::uuid)) s (o, e)
        on t.org_id = s.o and t.entity_id = s.e
      when matched and '${name}' = 'gone' then delete
      when matched then update set canonical_name = '${name}'
      when not matched then insert (org_id, entity_id, canonical_name) values (s.o, s.e, '${name}')`
    const rows = await capturing(client, async () => {
      await client.query(merge('merged'))
      await client.query(merge('gone'))
      await client.query(merge('again'))
      await client.query(
        `insert into ${TABLE} (org_id, entity_id) values ($1, $2)
         on conflict (org_id, entity_id) do update set canonical_name = 'conflict'`,
        [orgId, entity],
      )
      await client.query('begin')
      await client.query(`delete from ${TABLE} where entity_id = $1`, [entity])
      await insertCompany(client, orgId, { entity_id: entity, canonical_name: 'back' })
      await client.query('commit')
    })
    expect(versionsOf(rows, COMPANIES)).toEqual(['2', '3!', '4', '5', '6!', '7'])
    expect(rows.findLast(({ dataset }) => dataset === COMPANIES)?.row.canonical_name).toBe('back')
  })

  test('rules and triggers of the application that write something else instead', async () => {
    await client.query(
      `create function entities.skip() returns trigger language plpgsql as 'begin if new.full_name = ''skip'' then return null; end if; new.entity_id := gen_random_uuid(); return new; end';
       create trigger zz before insert on entities.person_entities
         for each row execute function entities.skip();
       create rule soft as on delete to entities.person_entities do instead
         update entities.person_entities set title = 'gone' where entity_id = old.entity_id`,
    )
    const rows = await capturing(client, async () => {
      await insertPerson(client, orgId, { full_name: 'skip' })
      await insertPerson(client, orgId, { full_name: 'kept' })
      await client.query('delete from entities.person_entities')
    })
    const { rows: stored } = await client.query(
      `select org_id || '/' || entity_id as key from entities.person_entities`,
    )
    const persons = rows.filter(({ dataset }) => dataset === 'dx_person_entities_v1')
    expect(persons.map(({ key, deleted }) => ({ key, deleted }))).toEqual([
      { key: stored[0].key, deleted: false },
      { key: stored[0].key, deleted: false },
    ])
    expect(persons[1]?.row.title).toBe('gone')
  })
})
