import { datasetByName } from '@hq-export/contract'
import { readRanges, recordRanges } from '@hq-export/outbox-relay/reconcile/source/range-record.ts'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { createDxDatabase } from '../../support/servers/databases.ts'
import { waitFor } from '../../support/wait-for.ts'

const RUNS = datasetByName('dx_operation_runs_v1')
const CUTS = ['a', 'c', 'e'].map((key) => [key])

const insertRange = (client: pg.Client, from: string) =>
  client.query('insert into hq_export.reconciliation_range (dataset, from_key) values ($1, $2)', [
    RUNS.number,
    from,
  ])

test('a run that deadlocks with another one over the same ranges records its own all the same', async () => {
  await using database = await createDxDatabase()
  const [recorder, first, second, watcher] = await Promise.all(
    Array.from({ length: 4 }, () => database.connect()),
  )
  if (!recorder || !first || !second || !watcher) throw new Error('four sessions')
  const part = { rows: 1, state: 'equal' as const }
  const cut = [undefined, ...CUTS].map((from, at) => ({ ...part, from, before: CUTS[at] }))
  await recordRanges(recorder, RUNS, cut)

  // Only the recorder looks for deadlocks, so that it is the one that is told.
  await recorder.query(`set deadlock_timeout = '10ms'`)
  for (const other of [first, second]) {
    await other.query('begin')
    await other.query(`set local deadlock_timeout = '1h'`)
  }
  const isWaiting = async (client: pg.Client): Promise<boolean> => {
    const { rows } = await watcher.query<{ waits: boolean }>(
      `select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = $1`,
      [(client as pg.Client & { readonly processID: number }).processID],
    )
    return rows[0]?.waits ?? false
  }
  await insertRange(first, 'b')
  await insertRange(second, 'd')
  const parts = ['b', 'd'].map((key) => [key])
  const mine = [undefined, ...parts].map((from, at) => ({ ...part, from, before: parts[at] }))
  const recording = recordRanges(recorder, RUNS, mine)
  await waitFor('the recorder to wait for the first', () => isWaiting(recorder))
  const locking = second.query(
    `update hq_export.reconciliation_range set row_count = 2 where from_key = 'e'`,
  )
  await waitFor('the second to wait for the recorder', () => isWaiting(second))
  await first.query('rollback')
  // It has what the recorder had: that has been told.
  expect((await locking).rowCount).toBe(1)
  await second.query('rollback')
  await recording
  const ranges = await readRanges(recorder, RUNS)
  expect(ranges.map(({ from, before, state }) => [from, before, state])).toEqual(
    mine.map(({ from, before, state }) => [from, before, state]),
  )
})
