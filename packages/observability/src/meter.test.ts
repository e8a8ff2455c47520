import { expect, test } from 'vitest'
import { observeEventLoop } from './event-loop.ts'
import { startMetrics } from './meter.ts'

test('names carry their unit, counters end in _total, labels hold no scope', async () => {
  const metrics = startMetrics('a-service')
  metrics.meter
    .createCounter('hq.rows', { unit: '{row}', description: 'rows' })
    .add(3, { dataset: 'd' })
  metrics.meter
    .createHistogram('hq.wait', { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } })
    .record(0.5)
  metrics.meter.createGauge('hq.size', { unit: 'By' }).record(7)

  const lines = (await metrics.scrape()).split('\n')

  expect(lines).toContain('hq_rows_total{dataset="d"} 3')
  expect(lines).toContain('hq_wait_seconds_bucket{le="0.1"} 0')
  expect(lines).toContain('hq_wait_seconds_bucket{le="1"} 1')
  expect(lines).toContain('hq_wait_seconds_count 1')
  expect(lines).toContain('hq_size_bytes 7')
  expect(lines.some((line) => line.startsWith('target_info{service_name="a-service"'))).toBe(true)
  await metrics.stop()
})

test('a scrape says how busy the event loop is', async () => {
  const metrics = startMetrics('a-service')
  const stop = observeEventLoop(metrics.meter)

  const text = await metrics.scrape()

  expect(text).toMatch(/^nodejs_eventloop_utilization_ratio [0-9.e-]+$/m)
  expect(text).toMatch(/^nodejs_eventloop_delay_p99_seconds [0-9.e-]+$/m)
  expect(text).toMatch(/^process_memory_usage_bytes [1-9]\d+$/m)
  stop()
  await metrics.stop()
})
