import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { LIMITS } from '@hq-export/contract'
import { replayDeadLetters } from '@hq-export/outbox-relay/dead-letter/replay-dead-letters.ts'
import { selectDeadLetters } from '@hq-export/outbox-relay/dead-letter/selection.ts'
import { connect } from '@hq-export/outbox-relay/session/connect.ts'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type AppProcess, runApp } from '../../support/programs/app-process.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { insertCompany, insertEvent, insertOrg, insertRun } from '../../support/reference-rows.ts'

const MIB = 1024 * 1024
const EVENTS = 'dx_operation_events_v1'

let pipeline: Pipeline
let relay: AppProcess
let operator: pg.Client
let orgId: string
let runId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.runGateway()
  relay = pipeline.startRelay()
  operator = await connect(pipeline.dxDatabase.url, 'command', () => {})
  orgId = await insertOrg(pipeline.dx)
  runId = await insertRun(pipeline.dx, orgId)
})

beforeEach(async () => {
  await pipeline.dx.query('truncate hq_export.dead_letter')
})

afterAll(async () => {
  await operator.end()
  await pipeline[Symbol.asyncDispose]()
})

/** Writes into the outbox as a trigger would. */
async function capture(insert: string, values: readonly unknown[] = []): Promise<void> {
  await pipeline.dx.query('begin')
  await pipeline.dx.query(insert, [...values])
  await pipeline.dx.query('select hq_export.ring()')
  await pipeline.dx.query('commit')
}

async function letters() {
  await pipeline.settled()
  const { rows } = await pipeline.dx.query(
    `select dataset, key, reason, detail, octet_length(body) as body_bytes, attempts
     from hq_export.dead_letter order by detail`,
  )
  return rows
}

async function replay(isDryRun = false) {
  return replayDeadLetters(operator, await selectDeadLetters(operator, {}), isDryRun)
}

async function eventsInHq(ids: readonly string[]): Promise<unknown[]> {
  await pipeline.settled()
  const { rows } = await pipeline.hq.query(
    `select event_id, pg_catalog.octet_length(error_message) as bytes from hq.${EVENTS}
     where event_id = any ($1)`,
    [ids],
  )
  return rows
}

/** Most memory that the relay has had, in bytes. */
async function peakBytes(): Promise<number> {
  const status = await readFile(`/proc/${relay.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

test('rows that are far too large cost the relay nothing, become dead letters, and stop no other row', async () => {
  const [first, eventId] = [
    await insertEvent(pipeline.dx, orgId, runId),
    await insertEvent(pipeline.dx, orgId, runId, { event_sequence: 4 }),
  ]
  await pipeline.settled()
  const before = await peakBytes()
  const [huge, quotes] = [randomUUID(), randomUUID()]
  await capture(
    `insert into hq_export.outbox_0 (dataset, key, body)
     values (2, $1, '{"a":"' || repeat('x', 64000000) || '"}'),
       (2, $2, '{"a":"' || repeat('\\"', 30000000) || '"}')`,
    [huge, quotes],
  )
  const limit = LIMITS.maxRowBytes
  const letter = { dataset: EVENTS, reason: 'too_large', body_bytes: null, attempts: 1 }
  expect(await letters()).toEqual([
    {
      ...letter,
      key: quotes,
      detail: `the row has 60000008 bytes, HQ takes ${limit}; it was not kept`,
    },
    {
      ...letter,
      key: huge,
      detail: `the row has 64000008 bytes, HQ takes ${limit}; it was not kept`,
    },
  ])
  expect(await eventsInHq([first, eventId])).toHaveLength(2)
  expect((await peakBytes()) - before).toBeLessThan(48 * MIB)
})

test('the largest row that HQ takes arrives, and the one that is a byte larger is a dead letter', async () => {
  const sample = await insertEvent(pipeline.dx, orgId, runId, { event_sequence: 2 })
  await pipeline.settled()
  const [fits, exceeds] = [randomUUID(), randomUUID()]
  await capture(
    `insert into hq_export.outbox_0 (dataset, key, body)
     select dataset, n.key,
       replace(
         replace(replace(body, o.key, n.key),
           '"event_sequence":2', '"event_sequence":' || n.sequence),
         '"error_message":null',
         '"error_message":"' || repeat('x', $4 - octet_length(body) + n.more) || '"')
     from (select dataset, key, body from hq_export.outbox_0
           union all select dataset, key, body from hq_export.outbox_1
           union all select dataset, key, body from hq_export.outbox_2) o,
       (values ($2, 2, 3), ($3, 3, 3)) n (key, more, sequence)
     where o.key = $1`,
    [sample, fits, exceeds, LIMITS.maxRowBytes],
  )
  expect(await eventsInHq([sample, fits, exceeds])).toHaveLength(2)
  expect(await letters()).toMatchObject([
    { key: exceeds, reason: 'too_large', detail: expect.stringContaining('has 4194305 bytes') },
  ])
})

test('an entity that grew too large is a dead letter, supersedes no version that HQ can have, and is replayed once it is smaller', async () => {
  await pipeline.dx.query('begin')
  const entityId = await insertCompany(pipeline.dx, orgId, { canonical_name: 'small' })
  await pipeline.dx.query(
    `update entities.company_entities
     set canonical_name = repeat('x', $2),
       canonical_payload = pg_catalog.jsonb_build_object('a', repeat('x', $2)),
       record_version = record_version + 1
     where entity_id = $1`,
    [entityId, 5 * MIB],
  )
  await pipeline.dx.query('commit')
  const open = await letters()
  expect(open.map(({ dataset, reason }) => [dataset, reason]).sort()).toEqual([
    ['dx_company_entities_v1', 'too_large'],
    ['dx_entity_snapshots_v1', 'too_large'],
  ])
  const readHq = async () => {
    await pipeline.settled()
    const { rows } = await pipeline.hq.query(
      'select canonical_name from hq.dx_company_entities_v1 where entity_id = $1',
      [entityId],
    )
    return rows
  }
  expect(await readHq()).toEqual([{ canonical_name: 'small' }])

  for (const isDryRun of [true, false]) {
    const { sent, not_replayable } = await replay(isDryRun)
    expect(sent).toBe(0)
    expect(not_replayable.map(({ why }) => why)).toContainEqual(
      expect.stringMatching(
        /^the source's row has 52\d{5} bytes, HQ takes 4194304: make it smaller/,
      ),
    )
  }
  await pipeline.dx.query("set hq_export.disabled = 'on'")
  await pipeline.dx.query(
    `update entities.company_entities set canonical_name = 'less', canonical_payload = '{}'
     where entity_id = $1`,
    [entityId],
  )
  await pipeline.dx.query('reset hq_export.disabled')
  expect(await replay()).toMatchObject({ sent: 1 })
  expect(await readHq()).toEqual([{ canonical_name: 'less' }])
})

test('a raw row beyond what is looked into is a gap with its size, and says what helps', async () => {
  await capture(
    `insert into hq_export.outbox_0 (dataset, sqlstate, body)
     values (2, '22P02', '{"a":"' || repeat('x', 20000000) || '"}')`,
  )
  expect(await letters()).toMatchObject([
    {
      reason: 'capture_failed',
      detail: 'gap: SQLSTATE 22P02, and a raw row of 20000008 bytes, which was not kept',
      body_bytes: null,
    },
  ])
  const { not_replayable } = await replay()
  expect(not_replayable.map(({ why }) => why)).toEqual([
    'the capture could not even keep the raw row: backfill the dataset',
  ])
})

test('a letter with a large body is shown by its beginning and its size, is replayed without reading it, and turns no terminal', async () => {
  const letter = async (reason: string, body: string) => {
    const { rows } = await pipeline.dx.query<{ id: string }>(
      `insert into hq_export.dead_letter
         (dataset, key, reason, detail, body, xid, captured_at, fingerprint)
       values ($1, $2, $3, $4, ${body}, '7', now(), sha256(convert_to($2, 'UTF8')))
       returning id::text as id`,
      [EVENTS, randomUUID(), reason, 'turned \u001b[31mred\u009b0m'],
    )
    return rows[0]?.id ?? ''
  }
  const id = await letter('too_large', `repeat('x', 40000000)`)
  const show = (...args: string[]) =>
    runApp('outbox-relay', ['dead-letters', 'show', id, ...args], {
      DX_DATABASE_URL: pipeline.dxDatabase.url,
    })
  const { body, body_bytes } = JSON.parse((await show('--values', '--json')).output)
  expect([body.length, body_bytes]).toEqual([65_536, 40_000_000])
  const { output } = await show('--values')
  expect(output).toContain('the first 65536 characters of 40000000 bytes')
  expect(output).toContain('turned \\u{1b}[31mred\\u{9b}0m')
  expect((await replay()).not_replayable.map(({ why }) => why)).toEqual([
    'no row was kept, and the source has it no more',
  ])
})
