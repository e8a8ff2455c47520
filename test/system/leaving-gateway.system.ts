import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { answerOf, buildEnvelope, buildRow, send } from '../support/programs/ingest-client.ts'
import { spawnGateway } from '../support/programs/ingest-process.ts'
import { createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'
import { startHaproxy } from './haproxy.ts'

const RUNS = 'dx_operation_runs_v1'
const SENDERS = 4
const ROWS = 20

test('a gateway that leaves behind HAProxy under load costs no caller anything: the other takes over', async () => {
  await using hq = await createHqDatabase()
  // Longer than HAProxy needs to notice: three looks, half a second apart.
  const env = { INGEST_DRAIN_SECONDS: '4' }
  const leaving = await spawnGateway(hq.url, env)
  const staying = await spawnGateway(hq.url, env)
  await using proxy = await startHaproxy([leaving.url, staying.url])
  const acked = new Set<string>()
  let isOver = false
  async function sendOn(): Promise<void> {
    while (!isOver) {
      const rows = Array.from({ length: ROWS }, () => buildRow(RUNS))
      const id = randomUUID()
      const { counts } = await answerOf(await send(proxy.url, buildEnvelope(RUNS, rows), { id }))
      expect(counts.inserted).toBe(ROWS)
      acked.add(id)
    }
  }
  const sent = Promise.all(Array.from({ length: SENDERS }, sendOn))
  async function leaveUnderLoad(): Promise<void> {
    await waitFor('load', () => acked.size > 50)
    const exited = once(leaving.child, 'exit')
    leaving.child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    const ackedBefore = acked.size
    await waitFor('load on the other', () => acked.size > ackedBefore + 50)
    isOver = true // ends the load that Promise.all waits for
  }
  try {
    await Promise.all([leaveUnderLoad(), sent])
  } finally {
    isOver = true
  }
  const client = await hq.connect()
  const { rows } = await client.query<{ batch: string }>('select batch from ingest.batch')
  expect(new Set(rows.map(({ batch }) => batch))).toEqual(acked)
})
