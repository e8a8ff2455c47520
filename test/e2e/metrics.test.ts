import { randomUUID } from 'node:crypto'
import { HqWatcher } from '@hq-export/hq-ingest/metrics/watch-hq.ts'
import { createSilentLogger } from '@hq-export/hq-ingest/process/log.ts'
import { startMetrics } from '@hq-export/observability/meter.ts'
import { observeSource } from '@hq-export/outbox-relay/observe/observe-relay.ts'
import { SourceWatcher } from '@hq-export/outbox-relay/observe/watch-source.ts'
import { WaitingRows } from '@hq-export/outbox-relay/outbox/waiting-rows.ts'
import { createLog } from '@hq-export/outbox-relay/process/log.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AppProcess } from '../support/programs/app-process.ts'
import { startInProcessRelay } from '../support/programs/in-process-relay.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

let pipeline: Pipeline

beforeAll(async () => {
  pipeline = await Pipeline.create()
})

afterAll(() => pipeline[Symbol.asyncDispose]())

/** Where a program says that its private port is. */
function privateUrl(app: AppProcess, message: string): Promise<string> {
  return waitFor(message, () => {
    app.assertRunning()
    const line = app.lines.find((text) => text.includes(`"msg":"${message}"`))
    return line === undefined ? undefined : `http://127.0.0.1:${JSON.parse(line).port}`
  })
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url)
  return { status: response.status, text: await response.text() }
}

/** Samples of an exposition, as `name{labels}` to value. */
function samplesOf(exposition: string): Map<string, number> {
  const samples = exposition.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

test('both programs say at /metrics what became of a row, and the relay when it is ready', async () => {
  const gateway = await pipeline.startGateway()
  const relay = pipeline.startRelay()
  const orgId = await insertOrg(pipeline.dx)
  await insertCompany(pipeline.dx, orgId)
  await waitFor('the company in HQ', async () => {
    const { rowCount } = await pipeline.hq.query('select from hq.dx_company_entities_v1')
    return rowCount === 1
  })
  await pipeline.settled()
  const relayUrl = await privateUrl(relay, 'metrics')
  const gatewayUrl = await privateUrl(gateway, 'metrics')

  const ready = await get(`${relayUrl}/readyz`)
  expect(ready.status).toBe(200)
  expect(JSON.parse(ready.text)).toMatchObject({ state: 'working' })
  expect((await get(`${relayUrl}/livez`)).status).toBe(200)
  expect((await get(`${relayUrl}/else`)).status).toBe(404)

  // The source is observed beside the delivery, and may be read for the first time after it.
  const ours = await waitFor('the source to be observed', async () => {
    const samples = samplesOf((await get(`${relayUrl}/metrics`)).text)
    return samples.get('hq_relay_source_up') === 1 ? samples : undefined
  })
  const company = 'dataset="dx_company_entities_v1"'
  expect(ours.get(`hq_relay_rows_total{${company},outcome="inserted"}`)).toBe(1)
  expect(ours.get(`hq_relay_attempts_total{${company},result="accepted"}`)).toBe(1)
  expect(ours.get('hq_relay_state{state="working"}')).toBe(1)
  expect(ours.get(`hq_relay_dead_letter_depth{${company}}`)).toBe(0)
  expect(ours.get('hq_relay_outbox_size_bytes')).toBeGreaterThan(0)

  const theirs = samplesOf((await get(`${gatewayUrl}/metrics`)).text)
  expect(theirs.get(`hq_ingest_rows_total{${company},outcome="inserted"}`)).toBe(1)
  expect(theirs.get(`hq_ingest_lag_seconds_count{${company}}`)).toBe(1)
  expect(theirs.get('hq_ingest_idempotency_total{result="new"}')).toBe(2)
  expect(theirs.get('hq_ingest_database_up')).toBe(1)
  const requests = [...theirs.keys()].filter((name) =>
    name.startsWith('http_server_request_duration_seconds_count'),
  )
  expect(requests).toContainEqual(expect.stringContaining('http_route="/v1/batches"'))
  await relay.terminate()
})

test('a heartbeat makes the whole way and comes back on the clock of the source', async () => {
  const { relay } = await startInProcessRelayOf(pipeline)
  const echoed = await waitFor('a heartbeat that came back', () => relay.progress.heartbeat)
  const { rows } = await pipeline.hq.query(
    'select source_ts >= $1::timestamptz as arrived from ingest.heartbeat',
    [echoed],
  )
  expect(rows).toEqual([{ arrived: true }])
  const { rows: clock } = await pipeline.dx.query(
    `select $1::timestamptz between pg_catalog.clock_timestamp() - interval '1 minute'
       and pg_catalog.clock_timestamp() as ours`,
    [echoed],
  )
  expect(clock).toEqual([{ ours: true }])

  const metrics = startMetrics('test')
  const watcher = new SourceWatcher(
    pipeline.dxDatabase.url,
    new WaitingRows(),
    () => relay.progress.heartbeatWrittenAt,
    createLog('silent'),
  )
  observeSource(metrics.meter, () => watcher.reading)
  watcher.start()
  await waitFor('a reading', () => watcher.reading)
  const samples = samplesOf(await metrics.scrape())
  expect(samples.get('hq_relay_leader')).toBe(1)
  const age = samples.get('hq_relay_heartbeat_age_seconds') ?? -1
  expect(age).toBeGreaterThanOrEqual(0)
  const lag = samples.get('hq_relay_lag_seconds{dataset="dx_company_entities_v1"}') ?? -1
  expect(lag).toBeGreaterThanOrEqual(age)
  await watcher.stop()
  await metrics.stop()
  await relay.stop()
})

async function startInProcessRelayOf({ dxDatabase, gatewayUrl, secret }: Pipeline) {
  return startInProcessRelay({
    databaseUrl: dxDatabase.url,
    ingestUrl: gatewayUrl,
    secret,
    heartbeatMs: 20,
  })
}

test('what waits in quarantine is seen, and HQ being away, too', async () => {
  await pipeline.hq.query(
    `insert into ingest.quarantine
       (captured_at, xid, row_index, deleted, source, dataset, schema_version, batch, code,
        row_sha256, row_text, first_seen_at)
     values (now(), '7', 0, false, 'data-engine-x', 'dx_operation_runs_v1', 'v1', $1,
             'invalid_value', '\\x00', '{}', now() - interval '1 hour')`,
    [randomUUID()],
  )
  await pipeline.hq.query(
    `insert into ingest.key (id, source, kind, public_key, not_after)
     values ('a', 'ending', 'ed25519', 'whpk_', now() + interval '1 day'),
            ('b', 'ending', 'ed25519', 'whpk_', now() + interval '2 days'),
            ('c', 'endless', 'ed25519', 'whpk_', now() + interval '1 day'),
            ('d', 'endless', 'ed25519', 'whpk_', null)`,
  )
  await pipeline.hq.query(
    `insert into ingest.freshness (source, dataset, epoch, told_at, schema_version, key_id, refused,
       complete_through, behind, lag_told_at)
     values ('other', 'dx_operation_runs_v1', 'e', now(), 'v1', 'k', 0, now() - interval '1 hour',
       '90 s', now() - interval '10 s')`,
  )
  const metrics = startMetrics('test')
  const watcher = new HqWatcher(pipeline.hqDatabase.url, createSilentLogger(), 10)
  watcher.observe(metrics.meter)
  const before = samplesOf(await metrics.scrape())
  expect(before.get('hq_ingest_database_up')).toBe(0)
  expect([...before.keys()].some((name) => name.startsWith('hq_ingest_quarantine'))).toBe(false)

  watcher.start()
  const samples = await waitFor('a reading', async () => {
    const found = samplesOf(await metrics.scrape())
    return found.get('hq_ingest_database_up') === 1 && found
  })
  const runs = '{dataset="dx_operation_runs_v1"}'
  expect(samples.get(`hq_ingest_quarantine_depth${runs}`)).toBe(1)
  const other = '{source="other",dataset="dx_operation_runs_v1"}'
  expect(samples.get(`hq_ingest_dataset_lag_seconds${other}`)).toBeGreaterThanOrEqual(100)
  expect(samples.get(`hq_ingest_complete_through_age_seconds${other}`)).toBeGreaterThan(3_599)
  expect(samples.get('hq_ingest_key_expiry_seconds{source="ending"}')).toBeGreaterThan(86_400)
  expect(samples.has('hq_ingest_key_expiry_seconds{source="endless"}')).toBe(false)
  expect(samples.get(`hq_ingest_quarantine_oldest_age_seconds${runs}`)).toBeGreaterThanOrEqual(3600)
  await watcher.stop()
  await metrics.stop()
})
