import { randomUUID } from 'node:crypto'
import { DATASETS } from '@hq-export/contract'
import { beginPass } from '@hq-export/outbox-relay/backfill/progress.ts'
import type { ReconcileRequest } from '@hq-export/outbox-relay/reconcile/reconcile-context.ts'
import type { ReconciliationRecord } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import { runRecorded } from '@hq-export/outbox-relay/reconcile/record/run-recorded.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConsoleSite } from '../support/console/console-site.ts'
import { ReconcileSite } from '../support/programs/reconcile-site.ts'
import { insertCompany, insertOrg, insertPerson, insertRun } from '../support/reference-rows.ts'
import { waitFor } from '../support/wait-for.ts'

/** Of a shape that the gateway knows, and nobody's. */
const TOKEN = `ghp_${'aZ3kQ9xW7bL2mN5v'.repeat(3).slice(0, 36)}`

let site: ReconcileSite
let console: ConsoleSite
let orgId = ''

beforeAll(async () => {
  site = await ReconcileSite.start()
  console = await ConsoleSite.start({
    HQ_DATABASE_URL: site.hqDatabase.url,
    DX_DATABASE_URL: site.dxDatabase.url,
  })
  orgId = await insertOrg(site.dx)
  await insertCompany(site.dx, orgId)
  await insertPerson(site.dx, orgId)
  await insertRun(site.dx, orgId)
  await site.settled()
})
afterAll(async () => {
  await console[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

/** Compares both sides, and records it as the command does. */
async function compare(): Promise<ReconciliationRecord> {
  const request = { id: randomUUID(), kind: 'command', datasets: null, scope: {}, repair: 'off' }
  return await runRecorded(site.context(), request as ReconcileRequest)
}

/** A page, none of a second ago. */
let asked = 0
async function page(path: string): Promise<string> {
  const { status, text } = await console.get(`${path}${path.includes('?') ? '&' : '?'}n=${asked++}`)
  expect(status, text).toBe(200)
  return text
}

function textOf(markup: string): string {
  return markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
}

async function sentence(): Promise<string> {
  return textOf(/id="sentence"[^>]*>(.*?)<\/p>/s.exec(await page('/'))?.[1] ?? '').trim()
}

/** The row of a dataset on the overview: what each column says. */
async function factsOf(dataset: string): Promise<Record<string, string>> {
  const text = await page('/')
  const [, row = ''] =
    new RegExp(`<tr id="datasets-table-${dataset}">(.*?)</tr>`, 's').exec(text) ?? []
  const cells = Array.from(row.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs), ([, cell = '']) =>
    textOf(cell).trim(),
  )
  const names = ['dataset', 'verified', 'doing', 'error', 'lag', 'waiting', 'rate', 'refused']
  return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']))
}

test('nothing is called equal before it was compared, however little waits', async () => {
  expect(await sentence()).toContain('No dataset was compared with the other side yet')
  expect(await factsOf('dx_operation_runs_v1')).toMatchObject({
    verified: 'never compared',
    doing: 'idle',
    error: 'none is open',
  })
})

test('where every dataset was found equal, one sentence says so, as of when, and how far HQ is behind', async () => {
  await compare()
  const told = async (condition: string) => {
    const { rows } = await site.hq.query(`select from ingest.freshness where ${condition}`)
    return rows.length === DATASETS.length
  }
  // Nobody has read the versions that were replaced before it was bound.
  await waitFor('all but the snapshots to be complete', () =>
    told(`(complete_through is null) = (dataset = 'dx_entity_snapshots_v1')`),
  )
  expect(await sentence()).toContain('how far dx_entity_snapshots_v1 is behind is not known')
  await site.dx.query('update hq_export.binding set history_complete_at = clock_timestamp()')
  const passes = ['dx_company_entities_v1', 'dx_person_entities_v1'].map((dataset) => ({
    ...beginPass({ kind: 'rows', dataset, snapshots: 'all' }, 1),
    isDone: true,
  }))
  await site.dx.query(
    `insert into hq_export.backfill (progress, state, finished_at) values ($1, 'completed', now())`,
    [JSON.stringify({ passes, activeMs: 0 })],
  )
  // At rest the relay looks again with the next heartbeat only.
  await insertRun(site.dx, orgId)
  await waitFor('all of them to be complete', () => told('complete_through is not null'))
  expect(await sentence()).toMatch(
    /^All five datasets equal as of \d\d:\d\d:\d\d UTC; HQ is [\d.]+ m?s behind\.$/,
  )
})

test('complaint 6: last verified, doing now and last error are three facts, and none speaks for another', async () => {
  await insertRun(site.dx, orgId, { error_message: `refused: ${TOKEN}`, status: 'failed' })
  await site.settled()
  // A row is refused: what was verified before stands, and nothing is under way.
  const refused = await factsOf('dx_operation_runs_v1')
  expect(refused.verified).toMatch(/^equal /)
  expect(refused.doing).toBe('idle')
  expect(refused.error).toMatch(/^secret_detected /)
  expect(refused.refused).toBe('1')
  const other = await factsOf('dx_company_entities_v1')
  expect(other).toMatchObject({ error: 'none is open', refused: '0' })
  expect(textOf(await page('/'))).toContain('1 rows of dx_operation_runs_v1 were refused')

  // Nobody works and a row waits: neither takes back what was verified.
  await site.stopRelay()
  await insertCompany(site.dx, orgId)
  const waiting = await factsOf('dx_company_entities_v1')
  expect(waiting.verified).toMatch(/^equal /)
  expect(waiting.doing).toMatch(/^no relay works, 1 rows wait, the oldest for /)
  expect(waiting.error).toBe('none is open')
  expect(await sentence()).toMatch(/^No relay works: changes wait in the outbox\./)
  await site.startRelay()
  await site.settled()
})

test('a difference is the worst that can be said, and its comparison says which key and what to do', async () => {
  const { rows } = await site.hq.query(
    'delete from hq.dx_person_entities_v1 where org_id = $1 returning entity_id',
    [orgId],
  )
  const reconciliation = await compare()
  expect(reconciliation.state).toBe('different')
  expect(await sentence()).toMatch(/^Keys differ between data-engine-x and HQ/)
  const facts = await factsOf('dx_person_entities_v1')
  expect(facts.verified).toMatch(/^different /)
  expect(facts.error).toBe('none is open')

  expect(textOf(await page('/verify'))).toMatch(/dx_person_entities_v1 different/)
  const run = await page(`/verify/${reconciliation.id}`)
  expect(run).toContain(rows[0].entity_id)
  expect(run).toContain('/row?dataset=dx_person_entities_v1&amp;key=')
  expect(textOf(run)).toContain('npm run relay -- reconcile --repair')
})

test('a comparison can be taken away as the command makes it', async () => {
  const { rows } = await site.dx.query(
    'select id from hq_export.reconciliation order by number desc',
  )
  const [{ id }] = rows
  for (const [format, type] of [
    ['html', 'text/html; charset=utf-8'],
    ['json', 'application/json; charset=utf-8'],
    ['junit', 'application/xml; charset=utf-8'],
  ]) {
    const { status, headers, text } = await console.get(`/verify/${id}/report?format=${format}`)
    expect([status, headers['content-type']]).toEqual([200, type])
    expect(headers['content-disposition']).toMatch(/^attachment; filename="reconciliation-/)
    expect(text).toContain(id)
  }
  expect((await console.get(`/verify/${id}/report?format=pdf`)).status).toBe(404)
  expect((await console.get('/verify/nothing')).status).toBe(404)
})

test('complaint 7: the dataset is the unit: each has its row, its own page, and its refused rows', async () => {
  const overview = await page('/')
  for (const { name } of DATASETS) {
    expect(overview).toContain(`href="/datasets/${name}?window=1h"`)
    const own = await page(`/datasets/${name}`)
    for (const title of ['Lag and last verified', 'What came', 'Refused', 'Contract', 'Who sends'])
      expect(own, `${name}: ${title}`).toContain(`>${title}</h2>`)
  }
  expect(overview).toContain('href="/refused?dataset=dx_operation_runs_v1"')
  expect(await page('/datasets/dx_operation_runs_v1')).toContain(
    'href="/refused?dataset=dx_operation_runs_v1&amp;code=secret_detected"',
  )
  expect((await console.get('/datasets/dx_nothing')).status).toBe(404)
})

test('every picture of a dataset has its numbers in a table', async () => {
  await waitFor('the first minute to be summed up', async () => {
    const { rows } = await site.hq.query('select from ingest.minute limit 1')
    return rows.length > 0
  })
  const own = await page('/datasets/dx_operation_runs_v1')
  for (const id of ['lag', 'rate', 'outcomes', 'nulls', 'statuses']) {
    const [, figure = ''] =
      new RegExp(`<figure class="chart" id="chart-${id}"(.*?)</figure>`, 's').exec(own) ?? []
    expect(figure, id).toMatch(/<svg role="img".*<details.*<td class="number" data-value="/s)
  }
  for (const window of ['6h', '24h', '7d'])
    await page(`/datasets/dx_operation_runs_v1?window=${window}`)
})

test('a side that cannot be read is the sentence, and the other one is shown', async () => {
  await using half = await ConsoleSite.start({
    HQ_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    DX_DATABASE_URL: site.dxDatabase.url,
  })
  const { status, text } = await half.get('/')
  expect(status).toBe(200)
  expect(textOf(text)).toContain('HQ cannot be read now, so nothing is said of it')
  expect(text).toContain('id="datasets-table-dx_operation_runs_v1"')
  expect((await half.get('/quality')).text).toContain('data-state="unreachable"')
})

test('without data-engine-x comparisons are those that HQ was told', async () => {
  await using half = await ConsoleSite.start({ HQ_DATABASE_URL: site.hqDatabase.url })
  for (const path of ['/', '/verify', '/quality', '/contract', '/datasets/dx_operation_runs_v1'])
    expect((await half.get(path)).status, path).toBe(200)
})
