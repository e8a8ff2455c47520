import { expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  SECRET,
  SOURCE,
  startGateway,
} from '../../../support/programs/ingest-client.ts'
import { runIngest } from '../../../support/programs/ingest-process.ts'
import { createHqDatabase } from '../../../support/servers/databases.ts'

test('status prints tables, sources and open quarantine, for people and as JSON', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const good = buildRow('dx_operation_runs_v1')
  const bad = buildRow('dx_operation_runs_v1', { status: 'unknown' })
  await deliver(gateway.url, buildEnvelope('dx_operation_runs_v1', [good, bad]))
  await deliver(
    gateway.url,
    buildEnvelope('dx_heartbeat_v1', [{ source_ts: '2026-01-01T00:00:00Z' }]),
  )
  const client = await hq.connect()
  await client.query('analyze hq.dx_operation_runs_v1')

  const json = await runIngest(['status', '--json'], { HQ_DATABASE_URL: hq.url })
  expect(json).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(json.stdout)).toEqual({
    tables: expect.arrayContaining([{ dataset: 'dx_operation_runs_v1', rows_estimate: 1 }]),
    sources: [
      { source: SOURCE, batches: 2, last_batch_at: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/) },
    ],
    heartbeats: [{ source: SOURCE, source_ts: '2026-01-01T00:00:00.000000Z' }],
    reconciliations: [],
    freshness: [],
    quarantine: [{ dataset: 'dx_operation_runs_v1', reason: 'invalid_value', rows: 1 }],
  })
  const text = await runIngest(['status'], { HQ_DATABASE_URL: hq.url })
  expect(text.stdout).toContain('dx_operation_runs_v1  invalid_value  1')
})

test('a port that is taken is named with the settings that choose it, and exits 2', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const { port } = new URL(gateway.url)
  const settings = {
    HQ_DATABASE_URL: hq.url,
    INGEST_PORT: port,
    INGEST_METRICS_PORT: '0',
    INGEST_KEYS: `${SOURCE}=${SECRET}`,
  }
  const { status, stderr } = await runIngest(['serve'], settings)
  expect(status).toBe(2)
  expect(stderr).toBe(
    `ingest: 127.0.0.1:${port} is taken by another process; set INGEST_HOST, INGEST_PORT or INGEST_METRICS_PORT\n`,
  )
})

test('migrate says that there is nothing to do', async () => {
  await using hq = await createHqDatabase()
  expect(await runIngest(['migrate'], { HQ_DATABASE_URL: hq.url })).toMatchObject({
    status: 0,
    stdout: 'nothing to do\n',
  })
})

test('what cannot be told is status 2 and says why, without a secret', async () => {
  await using hq = await createHqDatabase()
  const client = await hq.connect()
  const environment = {
    HQ_DATABASE_URL: hq.url,
    INGEST_KEYS: `${SOURCE}=${SECRET}`,
    INGEST_PORT: '0',
    INGEST_METRICS_PORT: '0',
  }
  for (const [args, env, reason] of [
    [['unknown'], {}, 'unknown command'],
    [['status'], {}, 'HQ_DATABASE_URL must be set'],
    [['serve'], { INGEST_KEYS: 'hunter2' }, 'INGEST_KEYS key 1 must begin with'],
  ] as const) {
    const run = await runIngest([...args], env)
    expect(run, reason).toMatchObject({ status: 2, stdout: '' })
    expect(run.stderr).toContain(reason)
    expect(run.stderr).not.toContain('hunter2')
  }
  await client.query(`delete from ingest.migration where name = '0003_create_ingest'`)
  const run = await runIngest(['serve'], environment)
  expect(run.status).toBe(2)
  expect(run.stderr).toBe('ingest: HQ lacks 0003_create_ingest; run: npm run ingest -- migrate\n')
})

test('help is status 0', async () => {
  const run = await runIngest(['--help'])
  expect(run.status).toBe(0)
  for (const command of ['migrate', 'quarantine', 'reconciliations', 'serve', 'status'])
    expect(run.stdout).toContain(command)
})
