import { once } from 'node:events'
import { BATCHES_PATH } from '@hq-export/contract'
import { Pool } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { buildEnvelope, buildRow, signedRequest } from '../support/programs/ingest-client.ts'
import { spawnGateway } from '../support/programs/ingest-process.ts'
import { createHqDatabase } from '../support/servers/databases.ts'
import { waitFor } from '../support/wait-for.ts'

const RUNS = 'dx_operation_runs_v1'
const CONNECTIONS = 8
const ROWS = 20

/** Posts batch after batch over a connection of the pool until it is told that the gateway goes. */
async function postWhile(pool: Pool, isGoing: () => boolean, acked: Set<string>): Promise<void> {
  while (!isGoing()) {
    const batch = buildEnvelope(
      RUNS,
      Array.from({ length: ROWS }, () => buildRow(RUNS)),
    )
    const { headers, body } = signedRequest(JSON.stringify(batch))
    const answer = await pool.request({
      method: 'POST',
      path: BATCHES_PATH,
      headers: headers as Record<string, string>,
      body: body as Uint8Array,
    })
    const { batch: id } = (await answer.body.json()) as { batch: string }
    expect(answer.statusCode).toBe(200)
    acked.add(id)
  }
}

test('SIGTERM under keep-alive load loses and resets no ack: red first, then the door closes, and the process ends with 0', async () => {
  await using hq = await createHqDatabase()
  const { child, url } = await spawnGateway(hq.url)
  const pool = new Pool(url, { connections: CONNECTIONS })
  onTestFinished(() => pool.destroy())
  const acked = new Set<string>()
  // As a proxy does: no new request once it has seen the gateway red.
  let isGoing = false
  const senders = Array.from({ length: CONNECTIONS }, () => postWhile(pool, () => isGoing, acked))
  const sent = Promise.all(senders)
  await waitFor('load', () => acked.size > 3 * CONNECTIONS)

  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const red = await waitFor('/readyz to turn red', async () => {
    const response = await fetch(`${url}/readyz`)
    return response.status === 503 && response
  })
  expect(red.headers.get('connection')).toBe('close')
  expect(await red.json()).toMatchObject({ code: 'draining' })
  const ackedBefore = acked.size
  await waitFor('batches that are taken while it leaves', () => acked.size > ackedBefore)
  isGoing = true
  await sent

  expect(await exited).toEqual([0, null])
  const client = await hq.connect()
  const { rows } = await client.query<{ batch: string }>('select batch from ingest.batch')
  expect(new Set(rows.map(({ batch }) => batch))).toEqual(acked)
  const counted = await client.query(`select count(*)::int4 as n from hq.${RUNS}`)
  expect(counted.rows).toEqual([{ n: acked.size * ROWS }])
})
