import { randomUUID } from 'node:crypto'
import { FRESHNESS_PATH, type FreshnessReport, freshnessSchema } from '@hq-export/contract'
import { printStatus, readStatus } from '@hq-export/hq-ingest/status/status.ts'
import { beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { EPOCH, OTHER_EPOCH } from '../../support/programs/compare-client.ts'
import { type GatewaySite, startSite } from '../../support/programs/gateway-site.ts'
import {
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  postTo,
  problemOf,
  type SendOptions,
  SOURCE,
  signedRequest,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createSecret } from '../../support/programs/pipeline.ts'

const RUNS = 'dx_operation_runs_v1'
const COMPANIES = 'dx_company_entities_v1'
const EARLY = '2026-02-16T09:30:00.000001+00:00'
const LATE = '2026-02-16T09:40:00.000002+00:00'
const ORG = randomUUID()

let site: GatewaySite

beforeAll(async () => {
  site = await startSite()
  return site.stop
})

beforeEach(async () => {
  await site.client.query('truncate ingest.freshness, ingest.freshness_epoch')
})

function report(
  moments: Record<string, string | null>,
  beside: Partial<FreshnessReport> = {},
): FreshnessReport {
  const datasets = Object.entries(moments).map(([dataset, complete_through]) => ({
    dataset,
    complete_through,
    refused: 0,
  }))
  return { source: SOURCE, schema_version: 'v1', epoch: EPOCH, at: LATE, datasets, ...beside }
}

async function tell(body: FreshnessReport): Promise<unknown> {
  const response = await postTo(site.gateway.url, FRESHNESS_PATH, body)
  expect(response.status).toBe(200)
  return response.json()
}

async function ask(url = site.gateway.url, options: SendOptions = {}) {
  const { headers = {} } = signedRequest('', options)
  const response = await fetch(`${url}${FRESHNESS_PATH}`, { headers })
  expect(response.status).toBe(200)
  return freshnessSchema.parse(await response.json())
}

async function momentOf(dataset: string): Promise<string | null | undefined> {
  return (await ask()).datasets.find((each) => each.dataset === dataset)?.complete_through
}

test('what the source told is what a signed caller, a reader and the status are shown', async () => {
  const lags = [{ dataset: RUNS, seconds: 90 }]
  expect(await tell(report({ [RUNS]: EARLY, [COMPANIES]: null }, { lags }))).toEqual({
    stored: true,
  })
  const [companies, runs] = (await ask()).datasets
  expect(companies).toMatchObject({ dataset: COMPANIES, complete_through: null, lag_seconds: null })
  expect(runs).toMatchObject({
    dataset: RUNS,
    complete_through: EARLY,
    open_refused: 0,
    reconciled_at: null,
    reconciled_state: null,
    schema_version: 'v1',
  })
  expect(runs?.lag_seconds).toBeGreaterThan(90)
  expect(runs?.lag_seconds).toBeLessThan(3_600)
  const { fields } = await site.client.query('select * from hq.dx_freshness')
  expect(fields.map(({ name }) => name)).toEqual([
    'source',
    'dataset',
    'complete_through',
    'lag',
    'open_refused',
    'reconciled_at',
    'reconciled_state',
    'schema_version',
  ])
  const status = printStatus(await readStatus(site.hq.url))
  expect(status).toContain(`${SOURCE}  ${RUNS}  2026-02-16T09:30:00.000001Z`)
  expect(status).toContain(`${SOURCE}  ${COMPANIES}  not known`)
})

test('within an epoch a moment never goes back, and null leaves it', async () => {
  await tell(report({ [RUNS]: LATE }))
  await tell(report({ [RUNS]: EARLY }))
  expect(await momentOf(RUNS)).toBe(LATE)
  await tell(report({ [RUNS]: null }))
  expect(await momentOf(RUNS)).toBe(LATE)
})

test('what waits is told by itself, of each dataset, and changes no moment', async () => {
  const lags = [
    { dataset: RUNS, seconds: 3_600 },
    { dataset: COMPANIES, seconds: 0 },
  ]
  await tell(report({ [RUNS]: LATE }))
  expect(await tell(report({}, { lags }))).toEqual({ stored: true })
  const [companies, runs] = (await ask()).datasets
  expect(companies).toMatchObject({ complete_through: null, open_refused: 0 })
  expect(companies?.lag_seconds).toBeLessThan(1_800)
  expect(runs?.complete_through).toBe(LATE)
  expect(runs?.lag_seconds).toBeGreaterThan(3_600)
  // What another life told is no moment of this one.
  await tell(report({}, { lags, epoch: OTHER_EPOCH }))
  expect(await momentOf(RUNS)).toBeNull()
})

test('another life of the source begins anew, and the one before does not come back', async () => {
  await tell(report({ [RUNS]: LATE }))
  await tell(report({ [RUNS]: EARLY }, { epoch: OTHER_EPOCH }))
  expect(await momentOf(RUNS)).toBe(EARLY)
  expect(await tell(report({ [RUNS]: LATE }))).toEqual({ stored: false })
  expect(await momentOf(RUNS)).toBe(EARLY)
})

test('reports of both lives at once leave the later life', async () => {
  await tell(report({ [RUNS]: LATE }))
  const later = report({ [RUNS]: EARLY }, { epoch: OTHER_EPOCH })
  for (let round = 0; round < 4; round++) await Promise.all([tell(later), tell(report({}))])
  await tell(report({ [RUNS]: LATE }))
  expect(await momentOf(RUNS)).toBe(EARLY)
})

test('unsigned, malformed, foreign and unknown reports are refused', async () => {
  const post = (body: unknown, options: SendOptions = {}) =>
    postTo(site.gateway.url, FRESHNESS_PATH, body, options).then(problemOf)
  const good = report({ [RUNS]: EARLY })
  expect((await post(good, { secret: createSecret() })).code).toBe('unauthorized')
  expect((await post({ ...good, source: 'another' })).code).toBe('unauthorized')
  expect((await post({ ...good, at: 'now' })).code).toBe('invalid_request')
  expect((await post({ ...good, schema_version: 'v9' })).code).toBe('unknown_dataset')
  expect((await post(report({ no_dataset: EARLY }))).code).toBe('unknown_dataset')
  const twice = [...good.datasets, ...good.datasets]
  expect((await post({ ...good, datasets: twice })).code).toBe('invalid_request')
  const unknown = [{ dataset: 'no_dataset', seconds: 1 }]
  expect((await post({ ...good, lags: unknown })).code).toBe('unknown_dataset')
  const negative = [{ dataset: RUNS, seconds: -1 }]
  expect((await post({ ...good, lags: negative })).code).toBe('invalid_request')
  expect((await fetch(`${site.gateway.url}${FRESHNESS_PATH}`)).status).toBe(415)
  expect(await momentOf(RUNS)).toBeUndefined()
})

test('members that are not known are ignored', async () => {
  const grown = { ...report({ [RUNS]: EARLY }), later: [{ dataset: RUNS }] }
  expect(await tell(grown)).toEqual({ stored: true })
})

test('I7: a key of some orgs may not tell, and is not told of other orgs', async () => {
  const secret = createSecret()
  await tell(report({ [RUNS]: EARLY }))
  const keys = [ingestKey({ secret, orgs: [ORG] })]
  await using scoped = await startGateway(site.hq.url, { keys })
  const refused = await postTo(scoped.url, FRESHNESS_PATH, report({ [RUNS]: LATE }), { secret })
  expect((await problemOf(refused)).code).toBe('not_allowed')
  const { datasets } = await ask(scoped.url, { secret })
  expect(datasets).toMatchObject([
    { dataset: RUNS, complete_through: EARLY, open_refused: null, reconciled_state: null },
  ])
})

test('I7: an org sees how far datasets are complete, and its own refused rows alone', async () => {
  const foreign = randomUUID()
  const role = `${inject('runId')}freshness_reader`
  await tell(report({ [RUNS]: EARLY }, { lags: [{ dataset: RUNS, seconds: 0 }] }))
  const bad = [ORG, foreign, foreign].map((org_id) => buildRow(RUNS, { org_id, status: 'odd' }))
  await deliver(site.gateway.url, buildEnvelope(RUNS, bad))
  await site.client.query(
    `insert into ingest.reconciliation (source, id, schema_version, kind, state, started_at,
       finished_at, repair, version, key_id, scope, datasets, fingerprint)
     values ($1, gen_random_uuid(), 'v1', 'daily', 'equal', $2, $2, false, 'test', 'k', '{}', $3, '')`,
    [SOURCE, EARLY, JSON.stringify([{ dataset: RUNS, state: 'equal' }])],
  )
  const seen = async () =>
    (
      await site.client.query(
        `select complete_through is not null and lag >= '0' as known, open_refused::int as refused,
           reconciled_state as state from hq.dx_freshness`,
      )
    ).rows
  expect(await seen()).toEqual([{ known: true, refused: 3, state: 'equal' }])
  await site.client.query(`create role ${role} login`)
  try {
    await site.client.query(`grant hq_org_reader to ${role}`)
    await site.client.query(`set session authorization ${role}`)
    expect(await seen()).toEqual([{ known: true, refused: 0, state: null }])
    await site.client.query('reset session authorization')
    await site.client.query(`insert into ingest.reader_org values ('${role}', '${ORG}')`)
    await site.client.query(`set session authorization ${role}`)
    await site.client.query(`set hq.org_id = '${foreign}'`)
    expect(await seen()).toEqual([{ known: true, refused: 1, state: null }])
    await expect(site.client.query('select from ingest.freshness')).rejects.toThrow('permission')
    await site.client.query('reset session authorization')
    await site.client.query(`revoke hq_org_reader from ${role}`)
    await site.client.query(`delete from ingest.reader_org`)
    await site.client.query(`grant hq_reader to ${role}`)
    await site.client.query(`set session authorization ${role}`)
    expect(await seen()).toEqual([{ known: true, refused: 2, state: null }])
    await site.client.query(`reset hq.org_id`)
    expect(await seen()).toEqual([{ known: true, refused: 3, state: 'equal' }])
  } finally {
    await site.client.query('reset session authorization')
    await site.client.query(`drop role ${role}`)
  }
})
