import { datasetByName, envelopeSchema } from '@hq-export/contract'
import { expect, test } from 'vitest'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import { sealBatch } from './seal-batch.ts'

const dataset = datasetByName('dx_company_entities_v1')
const origin = {
  source: 'data-engine-x',
  epoch: '7526753411573313379.0b0c6f0e-5a0f-4f0e-9b6c-6f0f0a0b0c0d',
}

const row: OutboxRow = {
  dataset: 3,
  key: 'org/entity',
  version: '7',
  xid: '18446744073709551615',
  seq: '9223372036854775807',
  capturedAt: '2026-03-01T12:00:00.123456+00:00',
  deleted: false,
  traceparent: null,
  sqlstate: null,
  body: '{"record_version":"7","x":1.10,"big":12345678901234567890}',
}

test('the body of the row is in the envelope as the trigger wrote it, digit by digit', () => {
  const text = sealBatch(dataset, [row], origin).body.toString('utf8')
  expect(text).toContain(`{"row":${row.body},`)
})

test('what is sealed is an envelope of the protocol', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const batch = sealBatch(dataset, [{ ...row, deleted: true, traceparent }, row], origin)
  const envelope = envelopeSchema.parse(JSON.parse(batch.body.toString('utf8')))
  expect(envelope).toMatchObject({ ...origin, dataset: dataset.name, schema_version: 'v1' })
  expect(envelope.rows.map(({ row: _, ...beside }) => beside)).toEqual([
    { xid: row.xid, captured_at: row.capturedAt, traceparent, deleted: true },
    { xid: row.xid, captured_at: row.capturedAt },
  ])
})

test('a trace context that is not W3C is left out and never breaks the envelope', () => {
  const batch = sealBatch(dataset, [{ ...row, traceparent: '"},{' }], origin)
  const envelope = envelopeSchema.parse(JSON.parse(batch.body.toString('utf8')))
  expect(envelope.rows[0]?.traceparent).toBeUndefined()
})

test('the same cut has the same id, another cut another one', () => {
  const once = sealBatch(dataset, [row], origin)
  expect(sealBatch(dataset, [row], origin).id).toBe(once.id)
  expect(sealBatch(dataset, [row, row], origin).id).not.toBe(once.id)
  expect(once.id).toMatch(/^[A-Za-z0-9_-]{43}$/)
})
