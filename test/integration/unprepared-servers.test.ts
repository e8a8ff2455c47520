import { randomBytes } from 'node:crypto'
import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppProcess, runApp } from '../support/programs/app-process.ts'
import { createSecret } from '../support/programs/pipeline.ts'
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

const COMMANDS: readonly [App, ...string[]][] = [
  ['outbox-relay', 'run'],
  ['outbox-relay', 'status'],
  ['outbox-relay', 'bind', 'reference'],
  ['outbox-relay', 'dead-letters', 'list'],
  ['outbox-relay', 'backfill'],
  ['outbox-relay', 'backfill', 'list'],
  ['hq-ingest', 'serve'],
  ['hq-ingest', 'status'],
  ['hq-ingest', 'keys', 'list'],
  ['hq-ingest', 'quarantine', 'list'],
]

describe('before migrate', () => {
  test('every command says in one sentence what to run, and exits 2', async () => {
    const env = environment(cluster.url())
    const runs = COMMANDS.map(async ([app, ...args]) => {
      const { exitCode, output } = await runApp(app, args, env)
      expect({ app, args, exitCode, said: said(output) }).toEqual({
        app,
        args,
        exitCode: 2,
        said: [expect.stringMatching(/lacks 0001_\w+.*; run: npm run (relay|ingest) -- migrate$/)],
      })
    })
    await Promise.all(runs)
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
      /no database of the name in \w+_DATABASE_URL/,
    ],
    [
      'a wrong password',
      () =>
        urlOf((url) => {
          url.password = 'hunter2'
        }),
      /refuses the password in \w+_DATABASE_URL; correct it$/,
    ],
    [
      'no server',
      () =>
        urlOf((url) => {
          url.port = '9'
        }),
      /does not answer: .*ECONNREFUSED/,
    ],
  ]

  test.each(ways)('%s is said in one sentence by both programs', async (_, url, sentence) => {
    const env = environment(url())
    const runs = (['outbox-relay', 'hq-ingest'] as const).map((app) => runApp(app, ['status'], env))
    for (const { exitCode, output } of await Promise.all(runs)) {
      expect(said(output)).toEqual([expect.stringMatching(sentence)])
      expect(output).not.toContain('hunter2')
      expect(exitCode).toBe(2)
    }
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
    await runApp('outbox-relay', ['migrate'], environment(cluster.url()))
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
