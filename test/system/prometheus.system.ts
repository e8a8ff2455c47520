import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AppProcess } from '../support/programs/app-process.ts'
import { Pipeline } from '../support/programs/pipeline.ts'
import { insertCompany, insertOrg, insertRun } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'
import { requireProgram } from './system-program.ts'

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy')
/**
 * Metrics of ours and of the conventions that we use; the rest of what Prometheus knows is its own.
 */
const OUR_METRIC = /\b(?:hq|http_server|messaging|db_client|nodejs|process_memory)_[a-z0-9_]+\b/g

/**
 * Absent until the relay's first heartbeat came back, half a minute after its start, until changed
 * keys were compared first, and until a dataset was told of as complete; test/e2e/metrics.test.ts
 * waits for a heartbeat.
 */
const LATER = new Set([
  'hq_relay_heartbeat_age_seconds',
  'hq_relay_follow_share_ratio',
  'hq_ingest_complete_through_age_seconds',
  'hq_relay_complete_through_age_seconds',
  'hq_ingest_dataset_lag_seconds',
  'hq_relay_balance_difference',
  'hq_ingest_incidents',
])

let pipeline: Pipeline
let folder: string
let prometheus: ChildProcess
let url: string

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

async function query<T>(path: string): Promise<T> {
  const response = await fetch(`${url}${path}`)
  const body = (await response.json()) as { status: string; data: T }
  if (body.status !== 'success') throw new Error(JSON.stringify(body))
  return body.data
}

function privatePort(app: AppProcess): Promise<number> {
  return waitFor('the private port', () => {
    app.assertRunning()
    const line = app.lines.find((text) => text.includes('"msg":"metrics"'))
    return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port
  })
}

beforeAll(async () => {
  requireProgram('prometheus', ['--version'])
  pipeline = await Pipeline.create()
  // So that what is seen only in trouble is seen: a row in quarantine before the gateway looks, a
  // refused row, a refused request.
  await pipeline.hq.query(
    `insert into ingest.quarantine
       (captured_at, xid, row_index, deleted, source, dataset, schema_version, batch, code,
        row_sha256, row_text)
     values (now(), '7', 0, false, 'data-engine-x', 'dx_operation_runs_v1', 'v1', $1,
       'invalid_value', '\\x00', '{}')`,
    [randomUUID()],
  )
  await pipeline.hq.query(
    `insert into ingest.heartbeat (source_ts, source, batch) values (now(), 'another-source', 'b')`,
  )
  await pipeline.hq.query(
    `insert into ingest.key (id, source, kind, public_key, not_after)
     values ('expiring', 'another-source', 'ed25519', 'whpk_', now() + interval '30 days')`,
  )
  const org = await insertOrg(pipeline.dx)
  const gateway = await pipeline.startGateway()
  await fetch(`${pipeline.gatewayUrl}/v1/batches`, { method: 'POST', body: '{}' })
  const relay = pipeline.startRelay()
  await insertCompany(pipeline.dx, org)
  await insertRun(pipeline.dx, org)
  await pipeline.settled()

  folder = await mkdtemp(join(tmpdir(), 'hq-export-prometheus-'))
  await copyFile(join(DEPLOY, 'prometheus', 'alerts.yml'), join(folder, 'alerts.yml'))
  const shipped = await readFile(join(DEPLOY, 'prometheus', 'prometheus.yml'), 'utf8')
  const config = shipped
    .replaceAll('15s', '1s')
    .replace('127.0.0.1:8082', `127.0.0.1:${await privatePort(relay)}`)
    .replace('hq-ingest:8081', `127.0.0.1:${await privatePort(gateway)}`)
  await writeFile(join(folder, 'prometheus.yml'), config)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  await waitFor('Prometheus to be ready', async () => {
    if (prometheus.exitCode !== null)
      throw new Error(`prometheus ended with ${prometheus.exitCode}`)
    return fetch(`${url}/-/ready`).then(
      ({ status }) => status === 200,
      () => false,
    )
  })
})

afterAll(async () => {
  if (prometheus !== undefined && prometheus.exitCode === null) {
    prometheus.kill()
    await once(prometheus, 'exit')
  }
  await rm(folder, { recursive: true, force: true })
  await pipeline[Symbol.asyncDispose]()
})

test('Prometheus scrapes both programs and evaluates every rule', async () => {
  await waitFor('both targets to be up', async () => {
    const { activeTargets } = await query<{ activeTargets: { health: string }[] }>(
      '/api/v1/targets',
    )
    return activeTargets.length === 2 && activeTargets.every(({ health }) => health === 'up')
  })
  const rules = await waitFor('every rule to be evaluated', async () => {
    const { groups } = await query<{ groups: { rules: Rule[] }[] }>('/api/v1/rules')
    const all = groups.flatMap((group) => group.rules)
    return all.length > 0 && all.every(({ health }) => health !== 'unknown') && all
  })
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  expect(rules.length).toBe(26)

  const pending = await waitFor('the alert about the quarantine', async () => {
    const { alerts } = await query<{ alerts: { labels: Record<string, string> }[] }>(
      '/api/v1/alerts',
    )
    return alerts.find(({ labels }) => labels.alertname === 'HqExportQuarantine')
  })
  expect(pending.labels).toMatchObject({ dataset: 'dx_operation_runs_v1', severity: 'warning' })
})

test('every metric that an alert or the dashboard names exists', async () => {
  const alerts = await readFile(join(DEPLOY, 'prometheus', 'alerts.yml'), 'utf8')
  const dashboard = await readFile(join(DEPLOY, 'grafana', 'hq-export.json'), 'utf8')
  const { panels } = JSON.parse(dashboard) as { panels: { targets?: { expr: string }[] }[] }
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const exprs = Array.from(alerts.matchAll(/expr: ([\s\S]*?)\n {8}\w/g), ([, expr]) => expr ?? '')
  const labels = new Set([
    'http_route',
    'http_response_status_code',
    'messaging_destination_name',
    'db_client_connection_state',
  ])
  const named = new Set([...expressions, ...exprs].flatMap((expr) => expr.match(OUR_METRIC) ?? []))

  const known = await waitFor('samples', async () => {
    const names = await query<string[]>('/api/v1/label/__name__/values')
    return names.includes('hq_relay_lag_seconds') && new Set(names)
  })
  const missing = [...named].filter(
    (name) => !labels.has(name) && !LATER.has(name) && !known.has(name),
  )
  expect(missing).toEqual([])
})
