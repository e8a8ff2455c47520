import {
  connectPlain,
  connectWriter,
  createComparePool,
  createPool,
} from '@hq-export/hq-ingest/db/connect.ts'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { connect, connectLogin } from '@hq-export/outbox-relay/session/connect.ts'
import { LEAD_SESSION, LED_SESSION } from '@hq-export/outbox-relay/session/lead.ts'
import { SessionSettingsError } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OptionsDroppingProxy } from '../support/network/options-dropping-proxy.ts'
import { runApp } from '../support/programs/app-process.ts'
import { createSecret } from '../support/programs/pipeline.ts'
import {
  createDxDatabase,
  createHqDatabase,
  type TestDatabase,
} from '../support/servers/databases.ts'

/**
 * Everything that an operator's URL, a role or a database may have set, and that our statements
 * rely on.
 */
const HOSTILE: Readonly<Record<string, string>> = {
  search_path: 'public, pg_catalog',
  default_transaction_isolation: 'serializable',
  row_security: 'off',
  timezone: 'Asia/Kathmandu',
  datestyle: 'German, DMY',
  intervalstyle: 'iso_8601',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  statement_timeout: '1min',
  lock_timeout: '2min',
  idle_in_transaction_session_timeout: '2min',
  idle_session_timeout: '3min',
  synchronous_commit: 'off',
  enable_seqscan: 'on',
}

let dx: TestDatabase
let hq: TestDatabase

beforeAll(async () => {
  ;[dx, hq] = await Promise.all([createDxDatabase(), createHqDatabase()])
  for (const database of [dx, hq]) {
    const admin = await database.connect()
    const { pathname, username } = new URL(database.url)
    const name = pathname.slice(1)
    const isNewEnough = await admin.query(
      `select from pg_settings where name = 'transaction_timeout'`,
    )
    const settings = {
      ...HOSTILE,
      ...(isNewEnough.rowCount === 1 && { transaction_timeout: '4min' }),
    }
    for (const [setting, value] of Object.entries(settings)) {
      const quoted = setting === 'search_path' ? value : `'${value}'`
      await admin.query(`alter database ${name} set ${setting} = ${quoted}`)
      await admin.query(`alter role "${username}" in database ${name} set ${setting} = ${quoted}`)
    }
    if (database === dx)
      await admin.query(`alter database ${name} set default_transaction_read_only = on`)
  }
})

afterAll(async () => {
  await dx[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

/** The same as parameters of the URL, with one setting that is not ours. */
function withParameters(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  const options = Object.entries({ ...HOSTILE, work_mem: '5MB' }).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`,
  )
  url.searchParams.set('options', options.join(' '))
  url.searchParams.set('application_name', 'mine')
  url.searchParams.set('fallback_application_name', 'mine')
  url.searchParams.set('statement_timeout', '7777')
  url.searchParams.set('lock_timeout', '7777')
  url.searchParams.set('idle_in_transaction_session_timeout', '77')
  url.searchParams.set('query_timeout', '1')
  url.searchParams.set('replication', 'database')
  return url.href
}

async function settingsOf(client: pg.ClientBase): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, pg_catalog.current_setting(name) as setting from pg_catalog.pg_settings
     union all select 'role', pg_catalog.current_setting('role')`,
  )
  return Object.fromEntries(rows.map(({ name, setting }) => [name.toLowerCase(), setting]))
}

const COMMON = {
  search_path: 'pg_catalog, pg_temp',
  default_transaction_isolation: 'read committed',
  row_security: 'on',
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
}
const RELAY = {
  ...COMMON,
  role: 'hq_export_relay',
  row_security: 'off',
  default_transaction_read_only: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '1min',
  idle_session_timeout: '0',
  enable_seqscan: 'off',
}
const GATEWAY = {
  ...COMMON,
  role: 'hq_ingest_writer',
  row_security: 'off',
  application_name: 'hq-ingest',
  synchronous_commit: 'on',
  statement_timeout: '30s',
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '30s',
  enable_seqscan: 'off',
}

const COMPARER = {
  ...GATEWAY,
  application_name: 'hq-ingest compare',
  statement_timeout: '1min',
  lock_timeout: '2s',
  enable_seqscan: 'on',
  enable_sort: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1',
  work_mem: '64MB',
}

test.each([
  ['as the database and the role have them', (url: string) => url, undefined],
  ['as the URL gives them', withParameters, '5MB'],
])('no default takes the place of a setting of ours: %s', async (_how, urlOf, workMem) => {
  const dxUrl = urlOf(dx.url)
  const hqUrl = urlOf(hq.url)
  const sessions: [() => Promise<pg.Client>, Record<string, string>][] = [
    [
      () => connect(dxUrl, 'push', () => {}, LED_SESSION),
      {
        ...RELAY,
        application_name: 'outbox-relay push',
        idle_in_transaction_session_timeout: '5s',
      },
    ],
    [
      () => connect(dxUrl, 'lead', () => {}, LEAD_SESSION),
      { ...RELAY, application_name: 'outbox-relay lead', idle_session_timeout: '5s' },
    ],
    [
      () => connectLogin(dxUrl, 'hq-export bind'),
      { ...COMMON, application_name: 'hq-export bind' },
    ],
    [() => connectWriter(hqUrl), GATEWAY],
    [() => connectPlain(hqUrl), { ...COMMON, application_name: 'hq-ingest' }],
  ]
  for (const [open, expected] of sessions) {
    const client = await open()
    const settings = await settingsOf(client)
    await client.end()
    expect(settings).toMatchObject(expected)
    // The operator's own arrive where we have none.
    if (workMem !== undefined) expect(settings.work_mem).toBe(workMem)
    expect(settings.transaction_timeout ?? '0').toBe('0')
  }
  for (const [pool, expected] of [
    [createPool(hqUrl, 1), GATEWAY],
    [createComparePool(hqUrl, 1), COMPARER],
  ] as const) {
    const client = await pool.connect()
    expect(await settingsOf(client)).toMatchObject(expected)
    client.release()
    await pool.end()
  }
})

test('commands do what they do whatever the URL and PG* variables of the environment say', async () => {
  const hostile = {
    PGOPTIONS: '-c search_path=public -c statement_timeout=1',
    PGAPPNAME: 'mine',
    DX_DATABASE_URL: withParameters(dx.url),
    HQ_DATABASE_URL: withParameters(hq.url),
  }
  expect(await bind(withParameters(dx.url), 'reference')).toMatchObject({ changed: false })
  const [relay, ingest] = await Promise.all([
    runApp('outbox-relay', ['status'], hostile),
    runApp('hq-ingest', ['migrate'], hostile),
  ])
  expect(relay.exitCode).toBe(0)
  expect(ingest).toMatchObject({ exitCode: 0, output: 'nothing to do' })
})

test('settings that do not arrive are named at start, and neither app works without them', async () => {
  await using toDx = await OptionsDroppingProxy.start(dx.url)
  await using toHq = await OptionsDroppingProxy.start(hq.url)
  await expect(connect(toDx.url, 'push', () => {})).rejects.toThrow(SessionSettingsError)
  const secret = createSecret()
  const [relay, ingest] = await Promise.all([
    runApp('outbox-relay', ['run'], {
      DX_DATABASE_URL: toDx.url,
      HQ_INGEST_URL: 'http://127.0.0.1:9',
      HQ_SIGNING_SECRET: secret,
      RELAY_METRICS_PORT: '0',
    }),
    runApp('hq-ingest', ['serve'], {
      HQ_DATABASE_URL: toHq.url,
      INGEST_KEYS: `data-engine-x=${secret}`,
      INGEST_PORT: '0',
      INGEST_METRICS_PORT: '0',
    }),
  ])
  for (const { exitCode, output } of [relay, ingest]) {
    expect(exitCode).toBe(2)
    expect(output).toContain(`search_path is 'public, pg_catalog', not 'pg_catalog, pg_temp'`)
    expect(output).toContain('a pooler drops the startup parameter "options"')
  }
})
