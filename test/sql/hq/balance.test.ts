import type { BalanceRow } from '@hq-export/contract'
import { storeBalance } from '@hq-export/hq-ingest/balance/store-balance.ts'
import { expect, test } from 'vitest'
import { createHqDatabase } from '../../support/servers/databases.ts'

const NOTHING = { inserted: 0, updated: 0, superseded: 0, duplicate: 0, stale: 0 }

test('HQ keeps of each day of a source what it said last, and writes nothing where that is the same', async () => {
  await using hq = await createHqDatabase()
  const client = await hq.connect()
  await client.query('set role hq_ingest_writer')
  const today = new Date().toISOString().slice(0, 10)
  const row: BalanceRow = {
    ...{ ...NOTHING, refused: 0, filtered: 0, waiting: 1, captured: 3 },
    ...{ day: today, dataset: 'dx_operation_runs_v1', inserted: 2 },
  }
  const old = { ...row, day: '2020-02-29' }
  const kept = async () =>
    (
      await client.query(
        `select source, day::text as day, captured::int as captured, inserted::int as inserted,
           waiting::int as waiting, received_at::text as at from ingest.balance order by source`,
      )
    ).rows
  await storeBalance(client, 'a', [row, old])
  await storeBalance(client, 'b', [row])
  const first = await kept()
  const said = { day: today, captured: 3, inserted: 2, waiting: 1 }
  expect(first).toMatchObject([
    { source: 'a', ...said },
    { source: 'b', ...said },
  ])
  await storeBalance(client, 'a', [row])
  expect(await kept()).toEqual(first)
  await storeBalance(client, 'a', [{ ...row, inserted: 3, waiting: 0 }])
  expect(await kept()).toMatchObject([{ inserted: 3, waiting: 0 }, first[1]])
})
