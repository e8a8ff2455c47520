import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger } from './logger.ts'
import { type Condition, Notifier } from './notifier.ts'

const MINUTE_MS = 60_000

interface Told {
  readonly status: string
  readonly alerts: readonly {
    readonly status: string
    readonly labels: Readonly<Record<string, string>>
    readonly endsAt: string
    readonly startsAt: string
    readonly fingerprint: string
  }[]
}

/** A webhook that answers as it is told to. */
async function startWebhook() {
  const told: Told[] = []
  const webhook = { status: 200, told, url: '' }
  const server = createServer(async (request, response) => {
    told.push((await json(request)) as Told)
    response.writeHead(webhook.status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  webhook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return webhook
}

const lag: Condition = {
  alert: 'HqExportLagWarning',
  severity: 'warning',
  summary: 'HQ is behind',
  labels: { dataset: 'dx_operation_runs_v1' },
  forMs: 2 * MINUTE_MS,
}

test('an alert is told once it has held long enough, again after hours, and when it is over', async () => {
  const webhook = await startWebhook()
  let at = Date.parse('2026-01-01T00:00:00Z')
  let conditions: Condition[] = [lag]
  const notifier = new Notifier({
    url: webhook.url,
    receiver: 'outbox-relay',
    read: () => conditions,
    log: createLogger('test', 'silent'),
    now: () => at,
  })

  await notifier.look()
  at += MINUTE_MS
  await notifier.look()
  expect(webhook.told).toEqual([])
  at += MINUTE_MS
  await notifier.look()
  at += MINUTE_MS
  await notifier.look()
  expect(webhook.told).toHaveLength(1)
  expect(webhook.told[0]).toMatchObject({
    version: '4',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: {
          alertname: 'HqExportLagWarning',
          severity: 'warning',
          dataset: 'dx_operation_runs_v1',
        },
        annotations: { summary: 'HQ is behind', runbook: 'docs/RUNBOOK.md#hqexportlagwarning' },
        startsAt: '2026-01-01T00:00:00.000Z',
        endsAt: '0001-01-01T00:00:00Z',
      },
    ],
  })

  at += 4 * 60 * MINUTE_MS
  await notifier.look()
  expect(webhook.told).toHaveLength(2)

  conditions = []
  await notifier.look()
  await notifier.look()
  expect(webhook.told).toHaveLength(3)
  expect(webhook.told[2]).toMatchObject({ status: 'resolved', alerts: [{ status: 'resolved' }] })
  expect(webhook.told[2]?.alerts[0]?.fingerprint).toBe(webhook.told[0]?.alerts[0]?.fingerprint)
})

test('what could not be told is told at the next look; what passed by unnoticed is not', async () => {
  const webhook = await startWebhook()
  webhook.status = 500
  let conditions: Condition[] = [{ ...lag, forMs: 0 }]
  const notifier = new Notifier({
    url: webhook.url,
    receiver: 'outbox-relay',
    read: () => conditions,
    log: createLogger('test', 'silent'),
  })
  await notifier.look()
  webhook.status = 200
  await notifier.look()
  expect(webhook.told.map(({ status }) => status)).toEqual(['firing', 'firing'])

  conditions = []
  await notifier.look()
  conditions = [lag]
  await notifier.look()
  conditions = []
  await notifier.look()
  expect(webhook.told.map(({ status }) => status)).toEqual(['firing', 'firing', 'resolved'])
})
