import { randomBytes, randomUUID } from 'node:crypto'
import { type DatasetName, snapshotIdOf } from '@hq-export/contract'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  ingestKey,
  problemOf,
  send,
  startGateway,
  type TestGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'

/* I7: what a key that may write one org can learn of another, or keep from it. */

const RUNS = 'dx_operation_runs_v1'
const EVENTS = 'dx_operation_events_v1'
const SNAPSHOTS = 'dx_entity_snapshots_v1'
const OWN = randomUUID()
const FOREIGN = randomUUID()
const HASH = /[0-9a-f]{64}/

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`
/** May write OWN, of the source that also writes FOREIGN. */
const limited = { secret: newSecret() }
const other = { secret: newSecret() }

let hq: TestDatabase
let gateway: TestGateway
let client: pg.Client

beforeAll(async () => {
  hq = await createHqDatabase()
  client = await hq.connect()
  gateway = await startGateway(hq.url, {
    keys: [
      ingestKey(),
      ingestKey({ ...limited, orgs: [OWN] }),
      ingestKey({ ...other, orgs: [FOREIGN] }),
    ],
  })
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

afterEach(async () => {
  await client.query(
    `truncate hq.${RUNS}, hq.${EVENTS}, hq.${SNAPSHOTS}, ingest.batch, ingest.quarantine`,
  )
})

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  return (await client.query(sql)).rows
}

function snapshot(values: Record<string, unknown>): Record<string, unknown> {
  const row = buildRow(SNAPSHOTS, values)
  return { ...row, snapshot_id: snapshotIdOf(row), ...values }
}

const sameKey: { name: DatasetName; key: string }[] = [
  { name: RUNS, key: 'run_id' },
  { name: EVENTS, key: 'event_id' },
  { name: SNAPSHOTS, key: 'snapshot_id' },
]

test.each(sameKey)(
  'a row under the key of another org’s row learns no hash of it, now or when it asks again: $name',
  async ({ name, key }) => {
    const stored =
      name === SNAPSHOTS ? snapshot({ org_id: FOREIGN }) : buildRow(name, { org_id: FOREIGN })
    await deliver(gateway.url, buildEnvelope(name, [stored]), other)
    const before = await rowsOf(`select * from hq.${name}`)

    for (const sender of [limited, {}]) {
      const batch = buildEnvelope(name, [
        { ...buildRow(name, { org_id: OWN }), [key]: stored[key] },
      ])
      const answer = await deliver(gateway.url, batch, sender)
      expect(answer.counts.quarantined).toBe(1)
      expect(JSON.stringify(answer)).not.toMatch(HASH)
      expect(await deliver(gateway.url, batch, sender)).toEqual(answer)
      const strict = await send(gateway.url, batch, {
        ...sender,
        id: randomUUID(),
        headers: { prefer: 'handling=strict' },
      })
      expect(JSON.stringify(await problemOf(strict))).not.toMatch(HASH)
    }
    expect(await rowsOf(`select * from hq.${name}`)).toEqual(before)
  },
)

test('the operator of HQ sees in quarantine that the key is another org’s, and both hashes', async () => {
  const stored = buildRow(EVENTS, { org_id: FOREIGN })
  await deliver(gateway.url, buildEnvelope(EVENTS, [stored]), other)
  await deliver(gateway.url, buildEnvelope(EVENTS, [{ ...stored, org_id: OWN }]), limited)
  expect(await rowsOf('select code, detail from ingest.quarantine')).toEqual([
    {
      code: 'append_only_violation',
      detail: expect.stringMatching(
        /sha256 [0-9a-f]{64}, stored sha256 [0-9a-f]{64}, of another org$/,
      ),
    },
  ])
})

test('a key of one org cannot write the snapshot_id of another org’s version', async () => {
  const truth = snapshot({ org_id: FOREIGN })
  const squat = snapshot({ org_id: OWN, snapshot_id: truth.snapshot_id })
  const refused = await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [squat]), limited)
  expect(refused.rows).toMatchObject([
    { outcome: 'quarantined', code: 'invalid_value', pointer: '/rows/0/row/snapshot_id' },
  ])
  const own = snapshot({ org_id: OWN.toUpperCase() })
  const answer = await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [own]), limited)
  expect(answer.counts.inserted).toBe(1)
  const arrived = await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [truth]), other)
  expect(arrived.counts.inserted).toBe(1)
})

test('a row that stands under the snapshot_id of another org’s version gives way to it, whatever the order', async () => {
  const truth = snapshot({ org_id: FOREIGN, canonical_payload_json: '{"amount": 1.10}' })
  const second = snapshot({ org_id: FOREIGN })
  const squat = {
    ...snapshot({ org_id: OWN, snapshot_id: truth.snapshot_id, source_run_id: randomUUID() }),
    unknown_column: [1.5],
  }
  await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [squat]))
  const answer = await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [truth, truth, second]), other)
  expect(answer.counts).toMatchObject({ inserted: 2, duplicate: 1 })

  const stands = () =>
    rowsOf(
      `select org_id, canonical_payload_json::text as payload from hq.${SNAPSHOTS}
       where snapshot_id = '${truth.snapshot_id}'`,
    )
  expect(await stands()).toEqual([{ org_id: FOREIGN, payload: '{"amount": 1.10}' }])
  const [kept] = await rowsOf('select org_id, key, code, row_text from ingest.quarantine')
  expect(kept).toMatchObject({ org_id: OWN, key: truth.snapshot_id, code: 'append_only_violation' })
  expect(JSON.parse(String(kept?.row_text))).toEqual({
    ...squat,
    captured_at: expect.stringMatching(/^2026-01-02T03:04:05\.678901/),
  })

  const again = await deliver(gateway.url, buildEnvelope(SNAPSHOTS, [squat]), { id: randomUUID() })
  expect(again.rows).toMatchObject([{ code: 'append_only_violation' }])
  expect(await stands()).toEqual([{ org_id: FOREIGN, payload: '{"amount": 1.10}' }])
})

test('owners and others that come at the same moment: every owner’s row stands, and every other is kept', async () => {
  const truths = Array.from({ length: 40 }, () => snapshot({ org_id: FOREIGN }))
  const squats = truths.map(({ snapshot_id }) => snapshot({ org_id: OWN, snapshot_id }))
  const batches = [truths, squats, truths.toReversed(), squats.toReversed()]
  const senders = [other, {}, other, {}]
  const answers = await Promise.all(
    batches.map((rows, turn) =>
      deliver(gateway.url, buildEnvelope(SNAPSHOTS, rows), { ...senders[turn], id: randomUUID() }),
    ),
  )
  for (const turn of [0, 2]) expect(answers[turn]?.counts.quarantined).toBe(0)
  expect(await rowsOf(`select org_id, count(*)::int from hq.${SNAPSHOTS} group by 1`)).toEqual([
    { org_id: FOREIGN, count: 40 },
  ])
  expect(
    await rowsOf(
      'select org_id, count(distinct key)::int as keys from ingest.quarantine group by 1',
    ),
  ).toEqual([{ org_id: OWN, keys: 40 }])
})

test('keys of one source that write for different orgs take no ids and no answers from one another', async () => {
  const id = 'batch-1'
  const first = buildEnvelope(RUNS, [buildRow(RUNS, { org_id: OWN })])
  const second = buildEnvelope(RUNS, [buildRow(RUNS, { org_id: FOREIGN })])
  const answer = await deliver(gateway.url, first, { ...limited, id })
  expect(answer).toMatchObject({ batch: id, counts: { inserted: 1 } })
  expect((await deliver(gateway.url, second, { ...other, id })).counts.inserted).toBe(1)

  // What the other key sent, guessed exactly, tells nobody that it was applied.
  const guessed = await deliver(gateway.url, first, { ...other, id: randomUUID() })
  expect(guessed.rows).toMatchObject([{ code: 'org_not_allowed' }])
  const replayed = await send(gateway.url, first, { ...limited, id })
  expect(replayed.headers.get('idempotent-replayed')).toBe('true')
  expect(await replayed.json()).toEqual(answer)
  expect(await problemOf(await send(gateway.url, second, { ...limited, id }))).toMatchObject({
    code: 'webhook_id_reused',
  })
})

test('a key that may not write an org takes nothing from the entry of a row of it', async () => {
  const bad = buildRow(EVENTS, { org_id: OWN, http_status: '200' })
  await deliver(gateway.url, buildEnvelope(EVENTS, [bad]), limited)
  await deliver(gateway.url, buildEnvelope(EVENTS, [bad]), other)
  expect(await rowsOf('select org_allowed, seen_count from ingest.quarantine')).toEqual([
    { org_allowed: true, seen_count: 2 },
  ])
})
