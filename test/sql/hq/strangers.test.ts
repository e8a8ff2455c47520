import { connectWriter } from '@hq-export/hq-ingest/db/connect.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { expireLedger } from '@hq-export/hq-ingest/ledger/expire-ledger.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  buildEnvelope,
  buildRow,
  deliver,
  send,
  startGateway,
} from '../../support/programs/ingest-client.ts'
import { createHqDatabase, type TestDatabase } from '../../support/servers/databases.ts'
import { LIBRARY_LOCK, Stranger } from '../../support/stranger.ts'

const RUNS = 'dx_operation_runs_v1'
const JANUARY = Date.parse('2001-01-15T00:00:00Z')

let hq: TestDatabase
let reader: pg.Client
let stranger: Stranger

beforeAll(async () => {
  hq = await createHqDatabase()
  reader = await hq.connect()
  stranger = await Stranger.connect(hq.url)
})

afterAll(async () => {
  await stranger[Symbol.asyncDispose]()
  await hq[Symbol.asyncDispose]()
})

async function keyOf(text: string, seed: string): Promise<string> {
  const { rows } = await reader.query<{ key: string }>(
    'select hashtextextended($1, $2::bigint)::text as key',
    [text, seed],
  )
  return rows[0]?.key ?? ''
}

async function seed(): Promise<string> {
  const { rows } = await reader.query<{ key: string }>(
    `select key::text as key from ingest.advisory_lock where name = 'batch'`,
  )
  return rows[0]?.key ?? ''
}

test('a login without rights that holds the lock of a batch id does not keep the batch from being applied, once, and answered again', async () => {
  await using gateway = await startGateway(hq.url)
  const batch = buildEnvelope(RUNS, [buildRow(RUNS), buildRow(RUNS)])
  await stranger.hold([await keyOf('data-engine-x known', await seed())])
  const answer = await deliver(gateway.url, batch, { id: 'known' })
  expect(answer.counts.inserted).toBe(2)
  // As one does that read it from pg_locks while the batch was under way.
  await stranger.hold([await keyOf('data-engine-x known', await seed())])
  const again = await Promise.all(
    Array.from({ length: 8 }, () => send(gateway.url, batch, { id: 'known' })),
  )
  expect(again.map(({ status }) => status).filter((status) => status !== 409)).toContain(200)
  expect(await deliver(gateway.url, batch, { id: 'known' })).toEqual(answer)
  const { rows } = await reader.query(
    `select count(*)::int as batches from ingest.batch where batch = 'known'`,
  )
  expect(rows).toEqual([{ batches: 1 }])
})

test('a login without rights that holds the locks of the ledger and of migrations does not keep months from being created and dropped, nor HQ from being migrated', async () => {
  await stranger.hold([
    LIBRARY_LOCK,
    await keyOf('ingest.batch retention', '0'),
    await keyOf('ingest.batch partitions', '0'),
    ...(
      await reader.query<{ key: string }>('select key::text as key from ingest.advisory_lock')
    ).rows.map(({ key }) => key),
  ])
  expect(await hqMigrations.apply(hq.url)).toEqual([])
  const writer = await connectWriter(hq.url)
  try {
    const { created } = (await expireLedger(writer, JANUARY, 36_500)) ?? {}
    expect(created).toEqual(['batch_2001_01', 'batch_2001_02', 'batch_2001_03'])
    const { dropped } = (await expireLedger(writer, Date.parse('2001-04-15T00:00:00Z'), 30)) ?? {}
    expect(dropped).toEqual(['batch_2001_01', 'batch_2001_02'])
  } finally {
    await writer.end()
  }
})
