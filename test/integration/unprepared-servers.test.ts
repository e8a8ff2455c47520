import { randomBytes } from 'node:crypto'
import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppProcess, runApp } from '../support/programs/app-process.ts'
import { createSecret } from '../support/programs/pipeline.ts'
import { MASTER_KEY_TEXT } from '../support/programs/stored-keys.ts'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

/* A server of its own: the shared one has the roles of other databases. */

type App = 'outbox-relay' | 'hq-ingest'

let server: { readonly cluster: EmbeddedCluster } & AsyncDisposable
let cluster: EmbeddedCluster

beforeAll(async () => {
  server = await startOwnServer('unprepared')
  cluster = server.cluster
})
afterAll(() => server[Symbol.asyncDispose]())

function environment(url: string): Record<string, string> {
  return {
    DX_DATABASE_URL: url,
    HQ_DATABASE_URL: url,
    HQ_INGEST_URL: 'http://127.0.0.1:9',
    HQ_SIGNING_SECRET: createSecret(),
    INGEST_MASTER_KEY: MASTER_KEY_TEXT,
    RELAY_METRICS_PORT: '0',
    INGEST_PORT: '0',
    INGEST_METRICS_PORT: '0',
  }
}

async function admin(sql: string, database = 'postgres'): Promise<void> {
  const client = new pg.Client({ connectionString: cluster.url(database) })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

function urlOf(change: (url: URL) => void): string {
  const url = new URL(cluster.url())
  change(url)
  return url.href
}

/** Lines that are no log. */
function said(output: string): string[] {
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
}

/** Every command that needs a database, but `migrate`, and `doctor`, which says what is missing. */
const COMMANDS: readonly [App, ...string[]][] = [
  ['outbox-relay', 'run'],
  ['outbox-relay', 'status'],
  ['outbox-relay', 'bind', 'reference'],
  ['outbox-relay', 'dead-letters', 'list'],
  ['outbox-relay', 'dead-letters', 'show', '1'],
  ['outbox-relay', 'dead-letters', 'replay', '--all'],
  ['outbox-relay', 'dead-letters', 'discard', '--all', '--note', 'x'],
  ['outbox-relay', 'backfill'],
  ['outbox-relay', 'backfill', '--dry-run'],
  ['outbox-relay', 'backfill', 'list'],
  ['outbox-relay', 'backfill', 'pause'],
  ['outbox-relay', 'backfill', 'resume'],
  ['outbox-relay', 'backfill', 'cancel'],
  ['hq-ingest', 'serve'],
  ['hq-ingest', 'status'],
  ['hq-ingest', 'keys', 'list'],
  ['hq-ingest', 'keys', 'add', '--source', 'x'],
  ['hq-ingest', 'keys', 'rotate', '--source', 'x'],
  ['hq-ingest', 'keys', 'revoke', 'x'],
  ['hq-ingest', 'keys', 'reencrypt'],
  ['hq-ingest', 'quarantine', 'list'],
  ['hq-ingest', 'quarantine', 'show', '1'],
  ['hq-ingest', 'quarantine', 'replay', '--all'],
  ['hq-ingest', 'quarantine', 'discard', '--all', '--note', 'x'],
]
/** One of each way in which the commands reach their database. */
const WAYS = COMMANDS.filter(([, ...args]) =>
  ['run', 'serve', 'status', 'bind reference', 'backfill', 'keys list', 'quarantine list'].includes(
    args.join(' '),
  ),
)

/** Programs that run at the same time. */
const AT_ONCE = 2

/** Every command ends with status 2 and one line, which begins with the name of the program. */
async function expectRefused(
  commands: typeof COMMANDS,
  env: Record<string, string>,
  sentence: RegExp,
): Promise<void> {
  const waiting = [...commands]
  async function runOne([app, ...args]: (typeof COMMANDS)[number]): Promise<void> {
    const { exitCode, output } = await runApp(app, args, env)
    const name = app === 'hq-ingest' ? 'ingest' : 'relay'
    expect({ app, args, exitCode, said: said(output) }).toEqual({
      app,
      args,
      exitCode: 2,
      said: [expect.stringMatching(new RegExp(`^${name}: ${sentence.source}$`))],
    })
  }
  async function runWaiting(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await runOne(next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, runWaiting))
}

describe('before migrate', () => {
  test('every command says in one sentence what to run, and exits 2', async () => {
    await expectRefused(
      COMMANDS,
      environment(cluster.url()),
      /(data-engine-x|HQ) lacks 0001_\w+.*; run: npm run (relay|ingest) -- migrate/,
    )
  })

  test('doctor names that, and nothing that only follows from it', async () => {
    const { exitCode, output } = await runApp(
      'outbox-relay',
      ['doctor', '--json'],
      environment(cluster.url()),
    )
    const troubles = JSON.parse(output).filter(({ state }: { state: string }) => state !== 'ok')
    expect(troubles).toEqual([
      expect.objectContaining({ check: 'login-role', todo: 'run: npm run relay -- migrate' }),
      expect.objectContaining({ check: 'migrations', todo: 'run: npm run relay -- migrate' }),
    ])
    expect(exitCode).toBe(1)
  })
})

describe('what cannot be connected to', () => {
  const ways: [string, () => string, RegExp][] = [
    [
      'no such database',
      () => cluster.url('nowhere'),
      /.*no database of the name in \w+_DATABASE_URL; create it, or .*/,
    ],
    [
      'a wrong password',
      () =>
        urlOf((url) => {
          url.password = 'hunter2'
        }),
      /.*refuses the password in \w+_DATABASE_URL; correct it/,
    ],
    [
      'no server',
      () =>
        urlOf((url) => {
          url.port = '9'
        }),
      /.*does not answer: .*ECONNREFUSED.*; start it, or correct \w+_DATABASE_URL/,
    ],
  ]

  test.each(ways)('%s is said in one sentence by both programs', async (_, url, sentence) => {
    const commands = COMMANDS.filter(([, command]) => command === 'status')
    await expectRefused(commands, environment(url()), sentence)
  })

  test('every other way in says that there is no server, too', async () => {
    const env = environment(
      urlOf((url) => {
        url.port = '9'
      }),
    )
    await expectRefused(
      [
        ['outbox-relay', 'migrate'],
        ['outbox-relay', 'bind', 'reference'],
        ['hq-ingest', 'migrate'],
        ['hq-ingest', 'keys', 'list'],
        ['hq-ingest', 'quarantine', 'list'],
      ],
      env,
      /.* does not answer: .*ECONNREFUSED.*; start it, or correct \w+_DATABASE_URL/,
    )
    const { exitCode, output } = await runApp('outbox-relay', ['doctor'], env)
    expect(output).toMatch(/data-engine-x does not answer/)
    expect(exitCode).toBe(2)
  })

  test('run and serve wait for it, and say it with every attempt', async () => {
    const env = environment(cluster.url('later'))
    await using relay = new AppProcess('outbox-relay', ['run'], env)
    await using gateway = new AppProcess('hq-ingest', ['serve'], env)
    for (const app of [relay, gateway]) {
      await waitFor('the reason', () => {
        app.assertRunning()
        return app.lines.some((line) => line.includes('no database of the name in'))
      })
    }
  })
})

describe('once it is migrated', () => {
  beforeAll(async () => {
    const env = environment(cluster.url())
    await runApp('outbox-relay', ['migrate'], env)
    await runApp('hq-ingest', ['migrate'], env)
  })

  test('of an older or a newer build, every way in says which migrations, and what to run', async () => {
    const env = environment(cluster.url())
    const tables = ['hq_export.migration', 'ingest.migration']
    for (const table of tables) {
      await admin(`create table ${table}_kept as table ${table};
        delete from ${table} where name = (select max(name) from ${table})`)
    }
    await expectRefused(
      WAYS.filter(([, command]) => command === 'run' || command === 'serve'),
      env,
      /(data-engine-x|HQ) lacks \w+; run: npm run (relay|ingest) -- migrate/,
    )
    for (const table of tables) {
      await admin(`truncate ${table}; insert into ${table} table ${table}_kept;
        drop table ${table}_kept;
        insert into ${table} (name, run_on) values ('9999_of_tomorrow', now())`)
    }
    await expectRefused(
      WAYS,
      env,
      /(data-engine-x|HQ) has 9999_of_tomorrow, which this build does not know; run the newer build/,
    )
    for (const table of tables) {
      await admin(`delete from ${table} where name = '9999_of_tomorrow'`)
    }
  })

  test('a backfill of what is not bound says how to bind it', async () => {
    const commands: typeof COMMANDS = [
      ['outbox-relay', 'backfill'],
      ['outbox-relay', 'backfill', '--dry-run'],
    ]
    const sentence = /nothing is bound, .*; run: npm run relay -- bind NAME/
    await expectRefused(commands, environment(cluster.url()), sentence)
  })

  test('run says that nothing is bound, and works on', async () => {
    await using relay = new AppProcess('outbox-relay', ['run'], environment(cluster.url()))
    await waitFor('the warning', () => {
      relay.assertRunning()
      return relay.lines.some((line) => /nothing is bound.*relay -- bind NAME/.test(line))
    })
    expect(await relay.terminate()).toBe(0)
  })

  test('a login that may not work as the role is told what to grant', async () => {
    const password = randomBytes(8).toString('hex')
    await admin(`create role visitor login password '${password}'`)
    const url = urlOf((given) => {
      given.username = 'visitor'
      given.password = password
    })
    const { exitCode, output } = await runApp('outbox-relay', ['status'], environment(url))
    expect(said(output)).toEqual([expect.stringContaining('grant hq_export_relay to it')])
    expect(exitCode).toBe(2)
  })

  test('a schema that was restored without the roles is not taken for one that is not migrated', async () => {
    await admin('create database restored template postgres')
    // What a restore without roles leaves: the objects, and nobody of that name.
    await admin('drop owned by hq_export_relay', 'restored')
    await admin('drop owned by hq_export_relay')
    await admin('drop role hq_export_relay')
    const { exitCode, output } = await runApp(
      'outbox-relay',
      ['status'],
      environment(cluster.url('restored')),
    )
    expect(said(output)).toEqual([
      expect.stringMatching(/not the role hq_export_relay.*pg_dumpall --roles-only/),
    ])
    expect(exitCode).toBe(2)
  })
})
