import { randomBytes, randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { DATASETS, type DatasetName } from '@hq-export/contract'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/*
 * I7, second half: attacks on row level security by someone who may log in as a reader and run any
 * SQL. The id of the foreign org is the canary: it must show up in no row, no notice and no error.
 */

const NAMES: readonly DatasetName[] = DATASETS.map(({ name }) => name)
const OWN = randomUUID()
const FOREIGN = randomUUID()
const INSUFFICIENT_PRIVILEGE = '42501'

let hq: TestDatabase
let admin: pg.Client
let loginUrl: string
let role: string
/** Everything that the server told the reader beside rows. */
let told: string[]
let reader: pg.Client

/** A role of its own that logs in and is a member of `group`, and the URL by which it does. */
async function createLogin(group: string): Promise<{ role: string; url: string }> {
  const name = `${inject('runId')}${group}_${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await admin.query(`create role ${name} login password '${password}' in role ${group}`)
  const url = new URL(hq.url)
  url.username = name
  url.password = password
  return { role: name, url: url.href }
}

beforeAll(async () => {
  hq = await createHqDatabase()
  admin = await hq.connect()
  await using gateway = await startGateway(hq.url)
  for (const name of NAMES) {
    const rows = [OWN, FOREIGN, FOREIGN].map((org) => buildRow(name, { org_id: org }))
    await deliver(gateway.url, buildEnvelope(name, rows))
  }
  await admin.query('analyze')
  ;({ role, url: loginUrl } = await createLogin('hq_reader'))
})

afterAll(async () => {
  await reader.end()
  await admin.query(`drop role ${role}`)
  await hq[Symbol.asyncDispose]()
})

beforeEach(async () => {
  await reader?.end()
  reader = new pg.Client({ connectionString: loginUrl })
  await reader.connect()
  told = []
  reader.on('notice', (notice) => told.push(JSON.stringify(notice)))
})

/** Org of every row that a query shows. */
async function orgsOf(sql: string, values: unknown[] = []): Promise<string[]> {
  return (await reader.query<{ org_id: string }>(sql, values)).rows.map(({ org_id }) => org_id)
}

async function refuse(sql: string, code = INSUFFICIENT_PRIVILEGE): Promise<void> {
  const outcome = await reader.query(sql).then(
    () => 'was done',
    (error: pg.DatabaseError) => error.code,
  )
  expect(outcome, sql).toBe(code)
}

function setOrg(org: string): Promise<unknown> {
  return reader.query(`select set_config('hq.org_id', $1, false)`, [org])
}

describe.each(NAMES)('%s', (name) => {
  const table = `hq.${name}`

  test('a reader sees the org of its setting and nothing else', async () => {
    await setOrg(OWN)
    expect(await orgsOf(`select org_id from ${table}`)).toEqual([OWN])
    expect(await orgsOf(`select org_id from ${table} where org_id = $1`, [FOREIGN])).toEqual([])
    expect(await orgsOf(`select org_id from ${table} where true or org_id <> $1`, [OWN])).toEqual([
      OWN,
    ])
  })

  test('a setting that was never made, is empty or is no org shows nothing', async () => {
    expect(await orgsOf(`select org_id from ${table}`)).toEqual([])
    await setOrg('')
    expect(await orgsOf(`select org_id from ${table}`)).toEqual([])
    for (const garbage of ['acme', `${OWN} or true`, `' or '1'='1`, '*', `{${OWN}}x`]) {
      await setOrg(garbage)
      await refuse(`select org_id from ${table}`, '22P02')
    }
  })

  test('row_security = off is an error, and copying out copies what a query shows', async () => {
    await setOrg(OWN)
    for (const sql of [`copy ${table} to stdout`, `copy (select * from ${table}) to stdout`]) {
      const copied = await text(reader.query(copyTo(sql)))
      expect(copied).toContain(OWN)
      expect(copied).not.toContain(FOREIGN)
    }
    await reader.query('set row_security = off')
    await refuse(`select from ${table}`)
    await refuse(`copy (select * from ${table}) to stdout`)
  })

  test('a function that tells what it is given, however cheap, is given no foreign row', async () => {
    await setOrg(OWN)
    await reader.query(`
      create function pg_temp.tell(value uuid) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice 'told %', value; return true; end $$`)
    for (const sql of [
      `select org_id from ${table} where pg_temp.tell(org_id)`,
      `select org_id from ${table} t where pg_temp.tell(t.org_id) and t.org_id is not null
       order by pg_temp.tell(t.org_id)`,
      `select t.org_id from (values (1)) v
       cross join lateral (select org_id from ${table} where pg_temp.tell(org_id) offset 0) t`,
      // Raises division by zero for a foreign row, if it were looked at.
      `select org_id from ${table} where 1 / (org_id <> '${FOREIGN}')::int = 1`,
      `select org_id from ${table}
       where (org_id::text || case org_id when '${FOREIGN}' then 'x' else '' end)::uuid
         is not null`,
    ]) {
      expect(await orgsOf(sql), sql).toEqual([OWN])
    }
    expect(told.join()).toContain(OWN)
    expect(told.join()).not.toContain(FOREIGN)
  })

  test('views, functions and prepared statements of a reader show what the reader may see', async () => {
    await setOrg(OWN)
    await reader.query(`create temporary view mine as select org_id from ${table}`)
    await reader.query(`
      create function pg_temp.mine() returns setof uuid language sql security definer
        as 'select org_id from ${table}'`)
    await reader.query(`prepare mine as select org_id from ${table}`)
    const all = [
      'select org_id from mine',
      'select mine as org_id from pg_temp.mine()',
      'execute mine',
    ]
    for (const sql of all) expect(await orgsOf(sql), sql).toEqual([OWN])
    // What was planned for one org is not what another setting sees.
    await setOrg('')
    for (const sql of all) expect(await orgsOf(sql), sql).toEqual([])
  })

  test('a reader writes nothing, locks nothing and changes nothing', async () => {
    await setOrg(OWN)
    for (const sql of [
      `insert into ${table} select * from ${table}`,
      `insert into ${table} select * from ${table} on conflict do nothing`,
      `update ${table} set org_id = '${FOREIGN}'`,
      `delete from ${table}`,
      `merge into ${table} t using (values (1)) v on true when matched then delete`,
      `truncate ${table}`,
      `select from ${table} for update`,
      `select from ${table} for key share`,
      `do 'begin lock table ${table} in row exclusive mode; end'`,
      `copy ${table} from stdin`,
      `alter table ${table} disable row level security`,
      `drop policy ${name}_org on ${table}`,
      `create policy open on ${table} using (true)`,
      `create index on ${table} (org_id)`,
      `create trigger t before insert on ${table}
         for each row execute function suppress_redundant_updates_trigger()`,
      `create table hq.mine as select * from ${table}`,
      `create view hq.mine as select * from ${table}`,
      `create materialized view public.mine as select * from ${table}`,
    ]) {
      await refuse(sql)
    }
  })

  test('the statistics of the planner tell a reader no value', async () => {
    const { rows } = await reader.query(
      `select from pg_stats where schemaname = 'hq' and tablename = $1`,
      [name],
    )
    expect(rows).toEqual([])
    await refuse('select stavalues1 from pg_statistic')
  })
})

test('a pooled session keeps nothing of the org that used it before', async () => {
  const pool = new pg.Pool({ connectionString: loginUrl, max: 1 })
  // The pool has ended before its session has: dropping the database may end that one first.
  pool.on('error', () => {})
  try {
    const first = await pool.connect()
    await first.query('begin')
    await first.query(`select set_config('hq.org_id', $1, true)`, [OWN])
    expect((await first.query(`select from hq.${NAMES[0]}`)).rowCount).toBe(1)
    await first.query('commit')
    const { pid } = (await first.query('select pg_backend_pid() as pid')).rows[0]
    first.release()

    // The same session: the setting is now '' and no longer NULL.
    const { rows } = await pool.query(
      `select pg_backend_pid() as pid, current_setting('hq.org_id', true) as org`,
    )
    expect(rows).toEqual([{ pid, org: '' }])
    for (const name of NAMES) {
      expect((await pool.query(`select from hq.${name}`)).rowCount, name).toBe(0)
    }
  } finally {
    await pool.end()
  }
})

test('a reader becomes nobody else', async () => {
  const { admin: superuser } = (await admin.query('select current_user as admin')).rows[0]
  for (const other of ['hq_ingest_writer', pg.escapeIdentifier(superuser)]) {
    await refuse(`set role ${other}`)
    await refuse(`set session authorization ${other}`)
  }
  await refuse(`grant hq_ingest_writer to ${role}`)
  await refuse(`alter role ${role} bypassrls`)
  await refuse(`alter role ${role} superuser`)
  // These only lead back to the reader itself.
  await reader.query('set role hq_reader; reset role; set role none')
  await setOrg(OWN)
  for (const name of NAMES) expect(await orgsOf(`select org_id from hq.${name}`)).toEqual([OWN])
})

test('a reader sees nothing of the machinery', async () => {
  const { rows } = await admin.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'ingest'`,
  )
  const tables = rows.map(({ name }) => name)
  expect(tables).toEqual(
    expect.arrayContaining(['batch', 'quarantine', 'heartbeat', 'key', 'key_use', 'audit']),
  )
  for (const table of tables) {
    for (const sql of [
      `select from ingest.${table}`,
      `copy ingest.${table} to stdout`,
      `insert into ingest.${table} default values`,
      `delete from ingest.${table}`,
    ]) {
      await refuse(sql)
    }
  }
})

// But for hq.dx_freshness, which has no rows of orgs and says itself what a reader sees.
test('every table of hq has row level security, and nobody but the writer and the readers a grant', async () => {
  const { rows } = await admin.query(
    `select c.relname::text as name, c.relrowsecurity as secured,
       array(select distinct coalesce(nullif(grantee, 0)::regrole::text, 'public')
             from aclexplode(c.relacl) order by 1) as grantees,
       array(select distinct privilege_type from aclexplode(c.relacl)
             where grantee in ('hq_reader'::regrole, 'hq_org_reader'::regrole) order by 1) as reads
     from pg_class c where relnamespace = 'hq'::regnamespace
       and relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> 'dx_freshness' order by 1`,
  )
  const grantees = ['hq_ingest_writer', 'hq_org_reader', 'hq_reader']
  expect(rows).toEqual(
    [...NAMES].sort().map((name) => ({ name, secured: true, grantees, reads: ['SELECT'] })),
  )
})

test('the writer can neither change the audit nor delete a key', async () => {
  const writer = await hq.connect()
  await writer.query('set role hq_ingest_writer')
  await writer.query(`insert into ingest.audit (actor, action, subject) values ('a', 'b', 'c')`)
  for (const sql of [
    `update ingest.audit set actor = 'x'`,
    'delete from ingest.audit',
    'truncate ingest.audit',
    'delete from ingest.key',
    'truncate ingest.key',
  ]) {
    await expect(writer.query(sql), sql).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE })
  }
})

describe('a login whose org is bound', () => {
  let bound: string
  let boundUrl: string

  beforeAll(async () => {
    ;({ role: bound, url: boundUrl } = await createLogin('hq_org_reader'))
  })

  afterAll(async () => {
    await reader.end()
    await admin.query(`drop role ${bound}`)
  })

  beforeEach(async () => {
    await reader.end()
    reader = new pg.Client({ connectionString: boundUrl })
    await reader.connect()
    await admin.query('truncate ingest.reader_org')
  })

  const bind = (org: string) =>
    admin.query('insert into ingest.reader_org (role, org_id) values ($1::regrole, $2)', [
      bound,
      org,
    ])

  /** Whatever the session may set or become, and then set. */
  const ATTEMPTS = [
    'select 1',
    `set hq.org_id = '${FOREIGN}'`,
    `set role hq_reader; set hq.org_id = '${FOREIGN}'`,
    `set role hq_org_reader; set hq.org_id = '${FOREIGN}'`,
    'reset all; reset role',
  ]

  test('sees that org, whatever its session sets or becomes', async () => {
    await bind(OWN)
    await admin.query(`grant hq_reader to ${bound}`)
    for (const attempt of ATTEMPTS) {
      await reader.query(attempt)
      for (const name of NAMES) {
        expect(await orgsOf(`select org_id from hq.${name}`), attempt).toEqual([OWN])
      }
    }
    await admin.query(`revoke hq_reader from ${bound}`)
  })

  test('sees it even if it was granted hq_reader, and under another name', async () => {
    await bind(OWN)
    await admin.query(`grant hq_reader to ${bound}`)
    await setOrg(FOREIGN)
    expect(await orgsOf(`select org_id from hq.${NAMES[0]}`)).toEqual([OWN])
    await admin.query(`revoke hq_org_reader from ${bound}`)
    expect(await orgsOf(`select org_id from hq.${NAMES[0]}`)).toEqual([OWN])
    await admin.query(`grant hq_org_reader to ${bound}; revoke hq_reader from ${bound}`)

    await admin.query(`alter role ${bound} rename to ${bound}_new`)
    try {
      // Its session goes on.
      expect(await orgsOf(`select org_id from hq.${NAMES[0]}`)).toEqual([OWN])
    } finally {
      await admin.query(`alter role ${bound}_new rename to ${bound}`)
    }
  })

  test('sees nothing while no org is bound to it, whatever its session sets or becomes', async () => {
    await admin.query(`grant hq_reader to ${bound}`)
    for (const attempt of ATTEMPTS) {
      await reader.query(attempt)
      expect(await orgsOf(`select org_id from hq.${NAMES[0]}`), attempt).toEqual([])
    }
    await admin.query(`revoke hq_reader from ${bound}`)
  })

  test('sees the bindings of nobody, and changes none', async () => {
    await bind(OWN)
    for (const sql of [
      'select from ingest.reader_org',
      `insert into ingest.reader_org (role, org_id) values (current_user::regrole, '${FOREIGN}')`,
      `update ingest.reader_org set org_id = '${FOREIGN}'`,
      'delete from ingest.reader_org',
      `create or replace function hq.visible_org() returns uuid
         language sql as 'select null::uuid'`,
      'alter function hq.visible_org() security invoker',
    ]) {
      await refuse(sql)
    }
  })

  test.each(NAMES)('is read by an index that begins with the org: %s', async (name) => {
    await bind(OWN)
    // Empty tables have no statistics that would speak for an index.
    await reader.query('set enable_seqscan = off')
    const { rows } = await reader.query(`explain (format json) select * from hq.${name}`)
    const plan = JSON.stringify(rows[0]['QUERY PLAN'])
    expect(plan).toMatch(/"Index Cond":"\(org_id = (?:\$0|\(InitPlan)/)
  })
})
