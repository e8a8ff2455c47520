import { randomUUID } from 'node:crypto'
import { DATASETS } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { buildEnvelope, buildRow, deliver, startGateway } from '../integration/ingest-client.ts'
import { createHqDatabase } from '../support/databases.ts'

test('a reader sees the org of its setting and nothing else, in every dataset', async () => {
  await using hq = await createHqDatabase()
  await using gateway = await startGateway(hq.url)
  const org = randomUUID()
  for (const { name } of DATASETS) {
    await deliver(
      gateway.url,
      buildEnvelope(name, [buildRow(name, { org_id: org }), buildRow(name)]),
    )
  }
  const reader = await hq.connect()
  await reader.query('set role hq_reader')
  for (const { name } of DATASETS) {
    const seen = async () => (await reader.query(`select org_id from hq.${name}`)).rows
    await reader.query('reset hq.org_id')
    expect(await seen(), `${name}, never set`).toEqual([])
    await reader.query(`set hq.org_id = ''`)
    expect(await seen(), `${name}, empty`).toEqual([])
    await reader.query('begin')
    await reader.query(`select set_config('hq.org_id', $1, true)`, [org])
    expect(await seen(), `${name}, set`).toEqual([{ org_id: org }])
    await reader.query('commit')
    expect(await seen(), `${name}, after the transaction`).toEqual([])
  }
})

test('a reader writes nothing and sees nothing of the machinery', async () => {
  await using hq = await createHqDatabase()
  const reader = await hq.connect()
  await reader.query('set role hq_reader')
  for (const { name } of DATASETS) {
    await expect(reader.query(`delete from hq.${name}`)).rejects.toMatchObject({ code: '42501' })
    await expect(reader.query(`truncate hq.${name}`)).rejects.toMatchObject({ code: '42501' })
  }
  for (const table of ['batch', 'quarantine', 'heartbeat', 'key', 'key_use', 'audit', 'migration']) {
    await expect(reader.query(`select from ingest.${table}`)).rejects.toMatchObject({
      code: '42501',
    })
  }
})
