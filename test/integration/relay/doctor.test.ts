import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { listBindings } from '@hq-export/outbox-relay/binding/load-binding.ts'
import type { Check, NamedFinding } from '@hq-export/outbox-relay/doctor/checks/finding.ts'
import { openWriters } from '@hq-export/outbox-relay/doctor/checks/open-writers.ts'
import { outbox } from '@hq-export/outbox-relay/doctor/checks/outbox.ts'
import { preparedTransactions } from '@hq-export/outbox-relay/doctor/checks/prepared-transactions.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import { tryLead } from '@hq-export/outbox-relay/session/lead.ts'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLiveDatabase } from '../../support/live-shape/live-databases.ts'
import { ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { tcpUrl } from '../../support/network/tcp-url.ts'
import { runApp } from '../../support/programs/app-process.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'
import {
  createDxDatabase,
  createEmptyDxDatabase,
  prepareDx,
  type TestDatabase,
} from '../../support/servers/databases.ts'
import { majorVersion } from '../../support/servers/server-version.ts'
import { waitFor } from '../../support/wait-for.ts'

const REFERENCE = join(
  import.meta.dirname,
  '../../../migrations/data-engine-x/bindings/reference.json',
)
const OK = { state: 'ok', todo: null }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hq-export-doctor-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Findings of these checks that are not good, or of all. */
async function troubles(url: string, ...names: string[]): Promise<NamedFinding[]> {
  const checks = CHECKS.filter(({ name }) => names.length === 0 || names.includes(name))
  expect(checks.length).toBeGreaterThanOrEqual(Math.max(1, names.length))
  return (await runDoctor(url, checks)).filter(({ state }) => state !== 'ok')
}

async function examine(url: string, check: Check): Promise<NamedFinding[]> {
  return runDoctor(url, [check])
}

/** A database with one thing wrong, gone afterwards. */
async function withFault(
  fault: string | ((client: pg.Client, database: TestDatabase) => Promise<unknown>),
  look: (url: string) => Promise<void>,
): Promise<void> {
  await using database = await createDxDatabase()
  const client = await database.connect()
  await (typeof fault === 'string' ? client.query(fault) : fault(client, database))
  await look(database.url)
}

function failing(check: string, found: RegExp, todo: RegExp) {
  return {
    check,
    state: 'fail',
    found: expect.stringMatching(found),
    todo: expect.stringMatching(todo),
  }
}

function warning(check: string, found: RegExp, todo: RegExp) {
  return { ...failing(check, found, todo), state: 'warn' }
}

describe('a sound source', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDxDatabase()
  })
  afterAll(() => database[Symbol.asyncDispose]())

  test('has no other fault than that no relay works, which exits 1: what is committed now does not arrive', async () => {
    // The tests' server runs without fsync; the doctor is right to say so.
    expect((await troubles(database.url)).map(({ check, state }) => `${state} ${check}`)).toEqual([
      'warn durability',
      'fail outbox',
    ])
    const env = { DX_DATABASE_URL: database.url }
    const { exitCode, output } = await runApp('outbox-relay', ['doctor'], env)
    expect(exitCode).toBe(1)
    expect(output).toMatch(/fail +outbox +0 rows wait.*no relay works/)
    expect(output).toContain('-> start one: npm run relay -- run')
  })

  test('exits 0 with warnings while a relay works, and prints each check by name', async () => {
    const leader = await connect(database.url, 'lead', () => {})
    await tryLead(leader)
    const env = { DX_DATABASE_URL: database.url }
    const { exitCode, output } = await runApp('outbox-relay', ['doctor', '--json'], env)
    await leader.end()
    expect(exitCode).toBe(0)
    const findings: NamedFinding[] = JSON.parse(output)
    expect(new Set(findings.map(({ check }) => check))).toEqual(
      new Set(CHECKS.map(({ name }) => name)),
    )
  })

  test('changes nothing: not a row, not a lock that is left', async () => {
    const client = await database.connect()
    const state = async () => {
      const { rows } = await client.query(
        `select (select last_value from hq_export.outbox_seq) as seq,
                (select last_value from hq_export.doorbell) as bell,
                (select count(*)::int from hq_export.dead_letter) as letters`,
      )
      return rows
    }
    const before = await state()
    await runDoctor(database.url, CHECKS)
    expect(await state()).toEqual(before)
    // Its sessions are gone, and with them every lock that they held.
    await waitFor('the sessions of doctor to end', async () => {
      const { rows } = await client.query<{ others: number }>(
        `select count(*)::int as others from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and backend_type = 'client backend'
           and application_name like 'outbox-relay%'`,
      )
      return rows[0]?.others === 0
    })
  })
})

test('a fault exits 1, a server that is not there 2', async () => {
  await using database = await createEmptyDxDatabase()
  const { exitCode, output } = await runApp('outbox-relay', ['doctor'], {
    DX_DATABASE_URL: database.url,
  })
  expect(exitCode).toBe(1)
  expect(output).toMatch(/fail +migrations +data-engine-x lacks 0001_/)
  expect(output).toContain('-> run: npm run relay -- migrate')
  const gone = await runApp('outbox-relay', ['doctor'], {
    DX_DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:9/dx',
  })
  expect(gone.exitCode).toBe(2)
  expect(gone.output).not.toContain('hunter2')
})

test('a database that is not migrated has that one finding, and none that follows from it', async () => {
  await using database = await createEmptyDxDatabase()
  const found = await troubles(database.url)
  expect(found.map(({ check }) => check)).toEqual(['migrations'])
})

test.each(await listBindings())(
  'a binding as it ships is what doctor finds, and is bound once: %s',
  async (name) => {
    const create = name === 'data-engine-x' ? createLiveDatabase : createDxDatabase
    await using database = await create(name)
    expect(
      await troubles(
        database.url,
        'sources',
        'expressions',
        'generated-sql',
        'triggers',
        'definers',
      ),
    ).toEqual([])
    expect(await bind(database.url, name)).toMatchObject({ changed: false })
  },
)

test('a database of a newer build is named', () =>
  withFault(
    "insert into hq_export.migration (name, run_on) values ('9999_from_the_future', now())",
    async (url) => {
      expect(await troubles(url, 'migrations')).toEqual([
        failing('migrations', /9999_from_the_future/, /newer build/),
      ])
    },
  ))

describe('bindings', () => {
  test('nothing bound is a fault', () =>
    withFault('delete from hq_export.binding', async (url) => {
      expect(await troubles(url, 'sources')).toEqual([
        failing('sources', /nothing is bound/, /relay -- bind/),
      ])
    }))

  test('a column that was renamed since is named, with the table', () =>
    withFault(
      'alter table entities.company_entities rename column industry to sector',
      async (url) => {
        expect(await troubles(url, 'sources', 'expressions')).toEqual([
          failing(
            'expressions',
            /dx_company_entities_v1\.industry \(entities\.company_entities\).*r\.industry does not exist/,
            /capture_failed/,
          ),
        ])
      },
    ))

  test('a key that is no longer unique, and a table that is gone, are named', () =>
    withFault(
      `alter table entities.company_entities drop constraint company_entities_pkey;
       alter table ops.operation_events rename to happenings`,
      async (url) => {
        expect(await troubles(url, 'sources', 'triggers')).toEqual([
          failing('sources', /operation_events does not exist/, /bind reference/),
          failing('sources', /no unique index on \(org_id, entity_id\)/, /bind reference/),
        ])
      },
    ))

  test('SQL of another build, or for another owner, is named', () =>
    withFault(`update hq_export.binding set fingerprint = 'other'`, async (url) => {
      expect(await troubles(url, 'generated-sql')).toEqual([
        warning('generated-sql', /another build/, /bind reference/),
      ])
    }))

  test('a view that is gone is a fault', () =>
    withFault('drop view hq_export.dx_entity_snapshots_v1', async (url) => {
      expect(await troubles(url, 'generated-sql')).toEqual([
        failing('generated-sql', /missing: dx_entity_snapshots_v1/, /bind reference/),
      ])
    }))

  test('triggers that are missing or disabled are named by table', () =>
    withFault(
      `drop trigger hq_export_3_insert on entities.company_entities;
       alter table entities.person_entities disable trigger hq_export_4_delete`,
      async (url) => {
        expect(await troubles(url, 'triggers')).toEqual([
          failing('triggers', /"company_entities": hq_export_3_insert \(missing\)/, /backfill/),
          failing('triggers', /"person_entities": hq_export_4_delete \(disabled/, /backfill/),
        ])
      },
    ))

  test('a partition that was attached since has no triggers, and that is a fault', async () => {
    await using database = await createDxDatabase()
    const client = await database.connect()
    await client.query(
      `create table entities.parted (like entities.company_entities including defaults,
         primary key (org_id, entity_id)) partition by hash (org_id, entity_id);
       create table entities.parted_0 partition of entities.parted
         for values with (modulus 2, remainder 0)`,
    )
    await bind(database.url, await partedBinding())
    expect(await troubles(database.url, 'triggers')).toEqual([])
    await client.query(
      `create table entities.parted_1 partition of entities.parted
         for values with (modulus 2, remainder 1)`,
    )
    expect(await troubles(database.url, 'triggers')).toEqual([
      failing(
        'triggers',
        /"parted_1": hq_export_3_insert \(missing\)/,
        /bind FILE \(that of binding parted\)/,
      ),
    ])
  })

  test('a virtual generated column that the binding reads is a fault', ({ skip }) =>
    withFault(
      async (client) => {
        skip((await majorVersion(client)) < 18, 'PostgreSQL has virtual generated columns since 18')
        await client.query(
          `alter table entities.person_entities
             add column shout text generated always as (upper(title)) virtual`,
        )
        await client.query(
          `update hq_export.binding
           set definition = jsonb_set(definition, '{columns}', '{"title": "r.shout"}')
           where dataset = 'dx_person_entities_v1'`,
        )
      },
      async (url) => {
        expect(await troubles(url, 'virtual-columns')).toEqual([
          failing('virtual-columns', /person_entities\.shout is a virtual/, /STORED/),
        ])
      },
    ))
})

describe('what is advised ends what was found', () => {
  const RELAY_COMMAND = /npm run relay -- ([a-z0-9_ -]+)/

  /** Runs the command that a finding names, against a gateway that takes everything. */
  async function follow(url: string, finding: NamedFinding | undefined): Promise<void> {
    const args =
      RELAY_COMMAND.exec(finding?.todo ?? '')?.[1]
        ?.trim()
        .split(' ') ?? []
    expect(args).not.toEqual([])
    await using gateway = await ScriptedGateway.start()
    const { exitCode, output } = await runApp('outbox-relay', args, {
      DX_DATABASE_URL: url,
      HQ_INGEST_URL: gateway.url,
      HQ_SIGNING_SECRET: createSecret(),
    })
    expect(output).not.toContain('nothing changed')
    expect(exitCode, output).toBe(0)
  }

  test.each([
    ['nothing bound', 'sources', 'delete from hq_export.binding', 'reference'],
    [
      'SQL of another build',
      'generated-sql',
      `update hq_export.binding set fingerprint = 'other'`,
      undefined,
    ],
    [
      'a view that is gone',
      'generated-sql',
      'drop view hq_export.dx_entity_snapshots_v1',
      undefined,
    ],
    [
      'triggers that are missing or disabled',
      'triggers',
      `drop trigger hq_export_3_insert on entities.company_entities;
       alter table entities.person_entities disable trigger hq_export_4_delete`,
      undefined,
    ],
    [
      'a backfill that nobody resumed',
      'backfills',
      `insert into hq_export.backfill (state, progress)
       values ('paused', '{"passes": [], "activeMs": 0}')`,
      undefined,
    ],
    [
      'functions that are not as they were installed',
      'definers',
      `grant execute on function hq_export.capture_dx_company_entities_v1_insert() to public;
       alter function hq_export.capture_dx_company_entities_v1_update() security invoker;
       alter function hq_export.capture_dx_company_entities_v1_delete() reset search_path;
       alter function hq_export.capture_dx_person_entities_v1_insert() owner to hq_export_relay`,
      undefined,
    ],
  ])('%s', (_, check, fault, name) =>
    withFault(fault, async (url) => {
      const [finding] = await troubles(url, check)
      const todo = finding?.todo?.replace('NAME', name ?? '') ?? null
      await follow(url, finding && { ...finding, todo })
      expect(await troubles(url, check)).toEqual([])
    }),
  )

  test('a table that inherits from a bound one: the inheritance ends, and naming it is not advised', () =>
    withFault(
      'create table entities.archive () inherits (entities.company_entities)',
      async (url) => {
        const [finding, ...others] = await troubles(url, 'sources')
        expect(others).toEqual([])
        expect(finding).toMatchObject({
          state: 'fail',
          found: expect.stringMatching(
            /entities.company_entities and entities.archive inherit.*alter table \.\.\. no inherit/,
          ),
        })
        expect(JSON.stringify(finding)).not.toContain('reads of the binding')
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        await client.query('alter table entities.archive no inherit entities.company_entities')
        await client.end()
        expect(await troubles(url, 'sources', 'expressions')).toEqual([])
      },
    ))

  test('rows that were written while capture was off: a backfill closes the gap, and nothing else is to be done', () =>
    withFault(
      async (client) => {
        const orgId = await insertOrg(client)
        await client.query("set hq_export.disabled = 'on'")
        await insertCompany(client, orgId)
        await client.query('update entities.company_entities set record_version = 2')
      },
      async (url) => {
        const [finding] = await troubles(url, 'capture-gaps')
        await follow(url, finding)
        expect(await troubles(url, 'capture-gaps')).toEqual([])
      },
    ))

  test('rows that were removed while capture was off: the same backfill exports their deletes', () =>
    withFault(
      async (client) => {
        await insertCompany(client, await insertOrg(client))
        await client.query("set hq_export.disabled = 'on'")
        await client.query('delete from entities.company_entities')
      },
      async (url) => {
        const [finding] = await troubles(url, 'capture-gaps')
        expect(finding).toEqual(warning('capture-gaps', /not captured/, /backfill/))
        await follow(url, finding)
        expect(await troubles(url, 'capture-gaps')).toEqual([])
      },
    ))
})

test('a relay that waits for HQ is a fault, rows or not, and a heartbeat that does not come back is seen', () =>
  withFault(
    (client) => client.query(`insert into hq_export.outbox_0 (dataset, body) values (0, '{}')`),
    async (url) => {
      const limits = { warnBytes: 2 ** 40, warnSeconds: 0, failSeconds: 0 }
      const leader = await connect(url, 'lead', () => {})
      await tryLead(leader)
      expect(await examine(url, outbox(limits))).toEqual([
        failing('outbox', /0 rows wait, the oldest for \d+ s/, /HQ refuses/),
      ])
      const loop = await connect(url, 'push', () => {})
      expect(await examine(url, outbox({ ...limits, failSeconds: 1e9 }))).toEqual([
        failing('outbox', /the relay has waited for HQ for/, /HQ refuses/),
      ])
      await loop.end()
      await leader.end()
    },
  ))

test('relays that stand by while none leads are a fault of another kind than none', () =>
  withFault('select', async (url) => {
    const standby = await connect(url, 'lead', () => {})
    const thief = await connect(url, 'somebody', () => {})
    await tryLead(thief)
    expect(await troubles(url, 'outbox')).toEqual([
      failing('outbox', /although 1 stand by/, /advisory lock/),
    ])
    await Promise.all([standby.end(), thief.end()])
  }))

describe('who captures', () => {
  test('a function of another owner, open to everybody, or without its guards is a fault', () =>
    withFault(
      `grant execute on function hq_export.capture_dx_company_entities_v1_insert() to public;
       alter function hq_export.capture_dx_company_entities_v1_update() security invoker;
       alter function hq_export.capture_dx_company_entities_v1_delete() reset search_path;
       alter function hq_export.capture_dx_person_entities_v1_insert() owner to hq_export_relay`,
      async (url) => {
        const found = await troubles(url, 'definers')
        expect(found.map(({ found }) => found)).toEqual([
          expect.stringMatching(/company_entities_v1_delete has no pinned search_path/),
          expect.stringMatching(/company_entities_v1_insert may be executed by everybody/),
          expect.stringMatching(/company_entities_v1_update is not SECURITY DEFINER/),
          expect.stringMatching(/person_entities_v1_insert belongs to hq_export_relay/),
        ])
        expect(found.every(({ state }) => state === 'fail')).toBe(true)
      },
    ))

  test('I1: row level security that hides rows from the owner is a fault', async () => {
    const role = `owner_${randomBytes(4).toString('hex')}`
    await withFault(
      `create role ${role}; grant usage on schema entities to ${role};
       alter table entities.person_entities owner to ${role};
       alter table entities.person_entities enable row level security;
       alter table entities.person_entities force row level security`,
      async (url) => {
        expect(await troubles(url, 'sources')).toEqual([
          failing('sources', /row level security of entities\.person_entities hides rows/, /bind/),
        ])
      },
    )
  })

  test('a login that may not work as hq_export_relay is a fault; what it cannot see is unknown', async () => {
    const role = `login_${randomBytes(4).toString('hex')}`
    await withFault(`create role ${role} login password 'x'`, async (url) => {
      const given = new URL(url)
      given.username = role
      given.password = 'x'
      const found = await troubles(given.href, 'login-role', 'relay-session', 'dead-letters')
      expect(found).toEqual([
        failing('login-role', /may not work as hq_export_relay/, /grant hq_export_relay to/),
        failing('relay-session', /cannot be opened/, /login-role/),
        expect.objectContaining({ check: 'dead-letters', state: 'unknown' }),
      ])
    })
  })
})

describe('the server', () => {
  describe('with settings of its own', () => {
    let cluster: EmbeddedCluster
    let client: pg.Client
    let url: string
    beforeAll(async () => {
      cluster = await EmbeddedCluster.start({
        name: 'doctor',
        settings: {
          max_prepared_transactions: '2',
          max_notify_queue_pages: '64',
          fsync: 'off',
        },
      })
      url = cluster.url()
      await prepareDx(url)
      client = new pg.Client({ connectionString: url })
      await client.connect()
    })
    afterAll(async () => {
      await client.end()
      await cluster.remove()
    })

    test('two-phase commit and a prepared transaction that holds the outbox are named', async () => {
      expect(await troubles(url, 'doorbell')).toEqual([
        warning('doorbell', /max_prepared_transactions is 2/, /two-phase/),
      ])
      const check = preparedTransactions(0)
      await client.query(`begin; create table unrelated (); prepare transaction 'other'`)
      expect(await examine(url, check)).toMatchObject([OK])
      await client.query('begin')
      await insertCompany(client, await insertOrg(client))
      await client.query(`prepare transaction 'forgotten'`)
      expect(await examine(url, check)).toEqual([
        failing('prepared-transactions', /"forgotten" has held the outbox/, /rollback prepared/),
      ])
      expect(await examine(url, preparedTransactions())).toMatchObject([OK])
      await client.query(`rollback prepared 'forgotten'`)
    })

    test('I5: a limit of temporary files, which bulk writes of bound tables meet, is named by doctor and ended by bind', async () => {
      const checks = ['temporary-files', 'generated-sql', 'triggers', 'standbys']
      expect(await troubles(url, ...checks)).toEqual([])
      await client.query(`alter database postgres set temp_file_limit = '1MB'`)
      const limited =
        /temp_file_limit is 1MB for every role in database postgres.*1MB for this login/
      const bulk = new pg.Client({ connectionString: url })
      await bulk.connect()
      const write = `insert into entities.company_entities (org_id, entity_id, canonical_name)
        select '${await insertOrg(client)}', gen_random_uuid(), repeat('x', 1000)
        from generate_series(1, 8000)`
      await expect(bulk.query(write)).rejects.toMatchObject({ code: '53400' })
      expect(await troubles(url, ...checks)).toEqual([
        warning('temporary-files', limited, /run: npm run relay -- bind reference/),
      ])
      expect((await bind(url, 'reference')).remarks).toEqual([expect.stringMatching(limited)])
      expect(await troubles(url, ...checks)).toEqual([])
      await bulk.query(write)
      await bulk.end()
      await client.query('alter database postgres reset temp_file_limit')
      expect(await troubles(url, ...checks)).toEqual([])
      expect((await bind(url, 'reference')).changed).toBe(true)
      expect(await troubles(url, ...checks)).toEqual([])
      // Who is exempted from a limit does not see it.
      await client.query('alter role postgres set temp_file_limit = -1')
      expect(await troubles(url, 'temporary-files')).toEqual([
        warning('temporary-files', /-1 for role postgres in every database/, /run: npm run relay/),
      ])
      await client.query('alter role postgres reset temp_file_limit')
    })

    test('a notification queue that fills because a listener does not read is named', async () => {
      const listener = new pg.Client({ connectionString: url })
      await listener.connect()
      await listener.query('listen somebody')
      await listener.query('begin')
      const fill = (pages: number) =>
        client.query(
          `select pg_notify('somebody', repeat('x', 7900) || n) from generate_series(1, $1) n`,
          [pages],
        )
      await fill(12)
      expect(await troubles(url, 'notification-queue')).toEqual([
        warning('notification-queue', /% full/, /LISTEN/),
      ])
      await fill(30)
      expect(await troubles(url, 'notification-queue')).toEqual([
        failing('notification-queue', /stopped ringing/, /LISTEN/),
      ])
      await listener.end()
    })

    test('a standby is a fault', async () => {
      const { rows } = await client.query('show data_directory')
      await client.query(`copy (select where false) to '${rows[0].data_directory}/standby.signal'`)
      await client.end()
      await cluster.halt()
      await cluster.resume()
      expect(await troubles(url, 'primary', 'relay-session', 'outbox')).toEqual([
        failing('primary', /in recovery/, /primary/),
        failing('relay-session', /cannot be opened/, /see primary/),
      ])
    })
  })

  test('defaults of the database that matter are named', () =>
    withFault(
      async (client) => {
        const name = '(select current_database())'
        const { rows } = await client.query(`select ${name} as name`)
        await client.query(
          `alter database ${rows[0].name} set default_transaction_isolation = 'repeatable read';
           alter database ${rows[0].name} set synchronous_commit = off;
           alter database ${rows[0].name} set hq_export.disabled = on;
           alter role hq_export_relay in database ${rows[0].name}
           set session_replication_role = replica`,
        )
      },
      async (url) => {
        expect(await troubles(url, 'isolation', 'durability', 'capture-gaps')).toEqual([
          warning('isolation', /repeatable read/, /READ COMMITTED/),
          expect.objectContaining({ check: 'durability', state: 'warn' }),
          warning('durability', /synchronous_commit is off/, /nothing to do/),
          // Captures of a session that plays a replica are like any other.
          failing('capture-gaps', /hq_export.disabled=on/, /reset hq_export/),
        ])
        // What the relay sets itself does not depend on them.
        expect(await troubles(url, 'relay-session')).toEqual([])
      },
    ))

  test('what was written while capture was off is counted', () =>
    withFault(
      async (client) => {
        const orgId = await insertOrg(client)
        await client.query("set hq_export.disabled = 'on'")
        await insertCompany(client, orgId)
      },
      async (url) => {
        expect(await troubles(url, 'capture-gaps')).toEqual([
          warning('capture-gaps', /dx_company_entities_v1: 1 statements/, /backfill/),
        ])
      },
    ))
})

test('writers that stay open, rows that wait, and open dead letters are named', () =>
  withFault(
    async (client, database) => {
      await insertCompany(client, await insertOrg(client))
      await client.query(
        `insert into hq_export.dead_letter (captured_at, xid, dataset, reason, fingerprint)
         values (now(), '700', 'dx_person_entities_v1', 'invalid_value', '\\x00')`,
      )
      const open = await database.connect()
      await open.query('begin')
      await insertCompany(open, await insertOrg(open))
    },
    async (url) => {
      expect(await examine(url, openWriters(0))).toEqual([
        warning('open-writers', /idle in transaction/, /end it/),
      ])
      const limits = { warnBytes: 2 ** 40, warnSeconds: 0, failSeconds: 0 }
      expect(await examine(url, outbox(limits))).toEqual([
        failing('outbox', /2 rows wait.*no relay works/, /start one/),
      ])
      const leader = await connect(url, 'lead', () => {})
      await tryLead(leader)
      expect(await examine(url, outbox({ ...limits, failSeconds: 1e9 }))).toEqual([
        warning('outbox', /2 rows wait/, /HQ refuses/),
      ])
      await leader.end()
      expect(await troubles(url, 'dead-letters')).toEqual([
        warning('dead-letters', /1 are open/, /replay or discard/),
      ])
    },
  ))

describe('what stands between', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDxDatabase()
  })
  afterAll(() => database[Symbol.asyncDispose]())

  test.each([
    ['a pooler that drops notifications', { dropsNotifications: true }, 'fail', /LISTEN delivers/],
    ['a pooler that keeps sessions apart', { dropsNotifications: false }, 'warn', /a pooler/],
  ])('%s is found', async (_name, { dropsNotifications }, state, found) => {
    const proxy = await startPooler(new URL(database.url), dropsNotifications)
    try {
      expect(await troubles(proxy.url, 'direct-connection')).toMatchObject([
        { state, found: expect.stringMatching(found) },
      ])
    } finally {
      await proxy.stop()
    }
  })
})

/**
 * The reference binding's companies from a partitioned table: a file, which the folder of the test
 * run holds.
 */
async function partedBinding(): Promise<string> {
  const reference = JSON.parse(await readFile(REFERENCE, 'utf8'))
  const [companies] = reference.datasets.filter(
    ({ dataset }: { dataset: string }) => dataset === 'dx_company_entities_v1',
  )
  const file = join(folder, 'parted.json')
  const datasets = [{ ...companies, table: 'entities.parted' }]
  await writeFile(file, JSON.stringify({ name: 'parted', datasets }))
  return file
}

/**
 * What a pooler does to the protocol: its own cancel key in the greeting, and as a transaction
 * pooler no notification, because the session that listened is another's by then.
 */
async function startPooler(target: URL, dropsNotifications: boolean) {
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connectSocket(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    client.pipe(upstream)
    let pending: Buffer = Buffer.alloc(0)
    upstream.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const length = pending.length < 5 ? undefined : pending.readInt32BE(1) + 1
        if (length === undefined || pending.length < length) return
        const message = Buffer.from(pending.subarray(0, length))
        pending = pending.subarray(length)
        const type = String.fromCharCode(message[0] ?? 0)
        if (type === 'K') message.writeInt32BE(message.readInt32BE(5) + 1_000_000, 5)
        if (type !== 'A' || !dropsNotifications) client.write(message)
      }
    })
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = tcpUrl(target)
  url.hostname = '127.0.0.1'
  url.port = String(address.port)
  return {
    url: url.href,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
