import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { parseSigningKey } from '@hq-export/contract'
import { createLogger } from '@hq-export/observability/logger.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { Notifier } from '@hq-export/observability/notifier.ts'
import { Backfiller, type BackfillerContext } from '@hq-export/outbox-relay/backfill/backfiller.ts'
import { NotifyListener } from '@hq-export/outbox-relay/doorbell/notify-listener.ts'
import { PrivateServer } from '@hq-export/outbox-relay/observe/metrics-server.ts'
import { SourceWatcher } from '@hq-export/outbox-relay/observe/watch-source.ts'
import { WaitingRows } from '@hq-export/outbox-relay/outbox/waiting-rows.ts'
import type { RelayConfig } from '@hq-export/outbox-relay/process/config.ts'
import { type CronTime, parseCronTime } from '@hq-export/outbox-relay/process/cron-time.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { Follower, followerTiming } from '@hq-export/outbox-relay/reconcile/follow/follower.ts'
import type { ReconcileContext } from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import { createHqPool } from '@hq-export/outbox-relay/reconcile/record/hq-pool.ts'
import {
  RECONCILER_TIMING,
  Reconciler,
} from '@hq-export/outbox-relay/reconcile/schedule/reconciler.ts'
import { Relay } from '@hq-export/outbox-relay/relay.ts'
import { runRelay } from '@hq-export/outbox-relay/run-relay.ts'
import { SEES_ALL } from '@hq-export/outbox-relay/session/hidden-tables.ts'
import { SessionScope } from '@hq-export/outbox-relay/session/session-scope.ts'
import type { Service } from '@hq-export/runtime/service.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ScriptedGateway } from '../../support/network/scripted-gateway.ts'
import { insertOutboxRows } from '../../support/outbox.ts'
import { createSecret } from '../../support/programs/pipeline.ts'
import { createDxDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const log = createLog('silent')

let database: TestDatabase
let observer: pg.Client
let gateway: ScriptedGateway

beforeAll(async () => {
  database = await createDxDatabase()
  observer = await database.connect()
  gateway = await ScriptedGateway.start()
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function config(): RelayConfig {
  return {
    databaseUrl: database.url,
    ingestUrl: gateway.url,
    signingKeys: [parseSigningKey(createSecret())],
    source: 'data-engine-x',
    compression: 'none',
    metricsPort: 0,
    logLevel: 'info',
    alertWebhookUrl: undefined,
    reconcileAt: nightly(),
    followSeconds: 300,
  }
}

/** Sessions of a relay that the server still has. */
async function sessions(): Promise<string[]> {
  const { rows } = await observer.query<{ name: string }>(
    `select application_name as name from pg_stat_activity
     where datname = current_database() and application_name like 'outbox-relay%'`,
  )
  return rows.map(({ name }) => name)
}

const noSessions = () => waitFor('all sessions to end', async () => (await sessions()).length === 0)

interface Startable extends Service {
  start(port: number): unknown
}

function reconcileContext(): ReconcileContext {
  const { databaseUrl, signingKeys, source, ingestUrl } = config()
  const stopping = new AbortController().signal
  return { databaseUrl, keys: signingKeys, source, log, stopping, pool: createHqPool(ingestUrl) }
}

function nightly(): CronTime {
  const time = parseCronTime('0 3 * * *')
  if (time === undefined) throw new Error('it is a cron expression')
  return time
}

const SERVICES: Readonly<Record<string, () => Startable>> = {
  Relay: () => new Relay(config(), log),
  NotifyListener: () => new NotifyListener(database.url, log),
  SourceWatcher: () => new SourceWatcher(database.url, new WaitingRows(), () => undefined, log),
  Backfiller: () =>
    new Backfiller({
      databaseUrl: database.url,
      // No backfill is recorded, so none is delivered.
      delivery: {} as BackfillerContext['delivery'],
      onAccepted: () => {},
      log,
      stopping: new AbortController().signal,
    }),
  Reconciler: () => new Reconciler(reconcileContext(), nightly(), RECONCILER_TIMING),
  Follower: () => new Follower(reconcileContext(), 'an epoch', followerTiming(300)),
  Notifier: () => new Notifier({ url: gateway.url, receiver: 'test', read: () => [], log }),
  PrivateServer: () =>
    new PrivateServer(startMetrics('test'), () => new Relay(config(), log).progress, log),
}

describe.each(Object.entries(SERVICES))('%s', (_name, create) => {
  test('is stopped without having been started, and twice', async () => {
    const service = create()
    await service.stop()
    await service.stop()
    expect(await sessions()).toEqual([])
  })

  test('is started twice and stopped twice, and leaves nothing behind', async () => {
    const service = create()
    await Promise.all([service.start(0), service.start(0)])
    await Promise.all([service.stop(), service.stop()])
    await service.stop()
    await noSessions()
  })

  test('is stopped before its start has come anywhere', async () => {
    const service = create()
    const starting = service.start(0)
    await service.stop()
    await starting
    await noSessions()
  })
})

test('a stop that fails keeps no other from its turn, and is told', async () => {
  const ports: number[] = []
  const full = {
    write(line: string): void {
      const { msg, port } = JSON.parse(line)
      if (msg === 'metrics') ports.push(port)
      if (msg === 'delivered') throw new Error('no space left on device')
    },
  }
  const stopping = new AbortController()
  const running = runRelay(
    config(),
    createLogger('outbox-relay', 'info', full),
    stopping.signal,
  ).catch((error: unknown) => error)
  await insertOutboxRows(observer, ['a'])
  await waitFor('the batch', () => gateway.received.length > 0)
  await waitFor('the ack', async () => {
    const { rowCount } = await observer.query('select from hq_export.ack offset 1')
    return rowCount !== 0
  })
  expect(await sessions()).toContain('outbox-relay observe')

  stopping.abort()
  // The summary's last line is written first of all that observes.
  expect(await running).toEqual(new Error('no space left on device'))
  const refused = await once(connectSocket(ports[0] ?? 0, '127.0.0.1'), 'connect').catch(
    (error: { code?: string }) => error.code,
  )
  expect(refused).toBe('ECONNREFUSED')
  await noSessions()
})

describe('what one life of the connections holds', () => {
  test('is released in reverse order after its work was stopped, whichever fails', async () => {
    const released: string[] = []
    {
      await using scope = new SessionScope(database.url, log, new AbortController().signal)
      const client = await scope.connect('push', SEES_ALL)
      client.once('end', () => released.push('session'))
      scope.hold(() => Promise.reject(new Error('gone already')))
      scope.hold(() => {
        released.push(`last held, ${scope.stopping.aborted ? 'after' : 'before'} the end`)
      })
    }
    expect(released).toEqual(['last held, after the end', 'session'])
  })

  test('ends by the loss of a session, which is its reason', async () => {
    await using scope = new SessionScope(database.url, log, new AbortController().signal)
    const client = await scope.connect('push', SEES_ALL)
    scope.throwIfLost()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await observer.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await waitFor('the loss', () => scope.stopping.aborted)
    expect(() => scope.throwIfLost()).toThrow('terminating connection')
  })
})
