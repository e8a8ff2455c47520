import { datasetByName } from '@hq-export/contract'
import { nowMs } from '@hq-export/observability/clock.ts'
import { startTracing } from '@hq-export/observability/start-tracing.ts'
import { DeliveryStoppedError } from '@hq-export/outbox-relay/batch/delivery-stopped.ts'
import { sealBatch } from '@hq-export/outbox-relay/batch/seal-batch.ts'
import { traceBatch } from '@hq-export/outbox-relay/tracing/batch-trace.ts'
import { traceDelivered } from '@hq-export/outbox-relay/tracing/trace-arrival.ts'
import { traceSend } from '@hq-export/outbox-relay/tracing/trace-send.ts'
import { openWindowTrace, WindowTrace } from '@hq-export/outbox-relay/tracing/window-trace.ts'
import { expect, test, vi } from 'vitest'
import { acceptAll } from '../../support/network/scripted-gateway.ts'
import { OtlpReceiver } from '../../support/otlp/receiver.ts'
import { waitFor } from '../../support/wait-for.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const RUNS = datasetByName('dx_operation_runs_v1')

function batchOf(traceparent?: string) {
  const row = { row: {}, xid: '7', captured_at: '2026-02-16T09:30:00+00:00', traceparent }
  const rows = { dataset: RUNS, rowCount: 1, texts: [JSON.stringify(row)] }
  return sealBatch(rows, { source: 'dx', epoch: '1' })
}

function openWindow(): WindowTrace {
  const window = openWindowTrace()
  if (!(window instanceof WindowTrace)) throw new Error('tracing is on')
  return window
}

/** A window of so many pages, each a batch, as the loop of the relay tells it. */
async function pushWindow(
  batches: number,
  deliver: (batch: ReturnType<typeof batchOf>) => Promise<void> = async () => {},
): Promise<void> {
  const window = openWindow()
  await window.step('tick', async () => {})
  const rows = await window.deliver(async () => {
    for (let page = 0; page < batches; page++) {
      window.notePage(1, nowMs())
      const batch = batchOf(`00-${TRACE}-00f067aa0ba902b7-01`)
      await traceBatch(batch, () => deliver(batch))
    }
    return batches
  })
  if (rows > 0) await window.step('ack', async () => {})
  window.end()
}

// The SDK is one for the process and reads its environment itself, so these are steps of one test.
test('a window without rows is silent, a long one is several traces, and a failed one says why', async () => {
  await using receiver = await OtlpReceiver.start()
  expect(openWindowTrace()).not.toBeInstanceOf(WindowTrace)
  for (const [name, value] of Object.entries(receiver.env)) vi.stubEnv(name, value)
  const stop = await startTracing(receiver.env, { serviceName: 'relay', onTrouble: () => {} })
  const roots = () => receiver.spans.filter(({ name }) => name === 'push window')

  await pushWindow(0)
  await pushWindow(70)
  await waitFor('all parts of the window', () => roots().length === 3)
  const parts = roots().toSorted((a, b) => a.startMs - b.startMs)
  expect(parts.map(({ attributes }) => attributes['hq_export.window.part'])).toEqual([1, 2, 3])
  const sizes = parts.map(
    ({ traceId }) =>
      receiver.spans.filter((span) => span.traceId === traceId && span.name.startsWith('batch '))
        .length,
  )
  expect(sizes).toEqual([32, 32, 6])
  expect(parts.map(({ links }) => links.map(({ spanId }) => spanId))).toEqual([
    [],
    [parts[0]?.spanId],
    [parts[1]?.spanId],
  ])
  expect(receiver.find('tick', parts[0])).toBeDefined()
  expect(receiver.find('ack', parts[2])).toBeDefined()
  expect(parts[2]?.attributes['hq_export.window.rows']).toBe(70)

  const lost = Object.assign(new Error('no value is ever in here'), { code: '57P01' })
  await expect(pushWindow(1, () => Promise.reject(lost))).rejects.toThrow()
  await waitFor('the failed window', () => roots().length === 4)
  expect(roots().at(-1)).toMatchObject({ status: 'error', attributes: { 'error.type': '57P01' } })
  const stopped = new DeliveryStoppedError('stopped')
  await expect(pushWindow(1, () => Promise.reject(stopped))).rejects.toThrow()
  await waitFor('the window that was stopped', () => roots().length === 5)
  expect(roots().at(-1)).toMatchObject({ status: 'unset', events: [{ name: 'stopped' }] })

  await pushWindow(1, async (batch) => {
    const answer = acceptAll({
      headers: { 'webhook-id': batch.id },
      bytes: batch.body,
      envelope: JSON.parse(batch.body.toString('utf8')),
      atMs: 0,
    })
    if (answer === 'reset') throw new Error('it accepts')
    const accepted = { kind: 'accepted', answer: answer.body } as never
    await traceSend(batch, 1, async () => accepted)
    traceDelivered(batch, answer.body as never)
  })
  const arrival = await waitFor('the arrival', () => receiver.find(`deliver ${RUNS.name}`))
  expect(arrival).toMatchObject({ traceId: TRACE, parentSpanId: '00f067aa0ba902b7' })
  expect(arrival.startMs).toBe(Date.UTC(2026, 1, 16, 9, 30))
  expect(receiver.hasReceived('no value is ever in here')).toBe(false)
  expect(await stop()).toBe(true)
  vi.unstubAllEnvs()
})
