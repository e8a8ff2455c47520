import { datasetByName, envelopeSchema } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { halvesOf, rowsAt } from './open-batch.ts'
import { sealBatch } from './seal-batch.ts'

const dataset = datasetByName('dx_company_entities_v1')
const origin = {
  source: 'data-engine-x',
  epoch: '7526753411573313379.0b0c6f0e-5a0f-4f0e-9b6c-6f0f0a0b0c0d',
}
const BODY = '{"org_id":"o","entity_id":"e","x":1.10,"big":12345678901234567890,"t":"}],\\"🚀"}'
const CAPTURED_AT = '2026-03-01T12:00:00.123456+00:00'
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const PLAIN = `{"row":${BODY},"xid":"18446744073709551615","captured_at":"${CAPTURED_AT}"}`
const FULL =
  `{"row":${BODY},"xid":"7","captured_at":"${CAPTURED_AT}",` +
  `"traceparent":"${TRACEPARENT}","deleted":true}`

function seal(texts: readonly string[], rowCount: number) {
  return sealBatch({ dataset, rowCount, texts }, origin)
}

test('the body of the row is in the envelope as the trigger wrote it, digit by digit', () => {
  expect(seal([PLAIN], 1).body.toString('utf8')).toContain(`{"row":${BODY},`)
})

test('what is sealed is an envelope of the protocol', () => {
  const envelope = envelopeSchema.parse(
    JSON.parse(seal([`${FULL},${PLAIN}`, FULL], 3).body.toString()),
  )
  expect(envelope).toMatchObject({ ...origin, dataset: dataset.name, schema_version: 'v1' })
  expect(envelope.rows).toHaveLength(3)
  expect(envelope.rows[0]).toMatchObject({ traceparent: TRACEPARENT, deleted: true })
})

test('the same cut has the same id, another cut another one', () => {
  const once = seal([PLAIN], 1)
  expect(seal([PLAIN], 1).id).toBe(once.id)
  expect(seal([PLAIN, PLAIN], 2).id).not.toBe(once.id)
  expect(once.id).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test('a row that HQ refused is found again in the batch, as it was sent', () => {
  const batch = seal([`${PLAIN},${FULL}`, PLAIN], 3)
  expect(rowsAt(batch, [1, 7])).toEqual([
    {
      dataset: dataset.number,
      key: 'o/e',
      xid: '7',
      seq: null,
      capturedAt: CAPTURED_AT,
      deleted: true,
      traceparent: TRACEPARENT,
      sqlstate: null,
      body: BODY,
    },
    undefined,
  ])
})

test('the halves of a batch have its rows, in their order', () => {
  const [first, second] = halvesOf(seal([`${PLAIN},${FULL}`, FULL], 3))
  expect(first).toMatchObject({ rowCount: 2, texts: [PLAIN, FULL] })
  expect(second).toMatchObject({ rowCount: 1, texts: [FULL] })
})
