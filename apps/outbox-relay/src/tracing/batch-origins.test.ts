import { datasetByName } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { sealBatch } from '../batch/seal-batch.ts'
import { batchOrigins } from './batch-origins.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SAMPLED = `00-${TRACE}-00f067aa0ba902b7-01`

function element(row: object, capturedAt: string, traceparent?: string): string {
  return JSON.stringify({ row, xid: '7', captured_at: capturedAt, traceparent })
}

function originsOf(...texts: readonly string[]) {
  const dataset = datasetByName('dx_operation_runs_v1')
  return [
    ...batchOrigins(
      sealBatch({ dataset, rowCount: texts.length, texts }, { source: 'dx', epoch: '1' }),
    ),
  ]
}

test('the traces of a batch are found in its bytes, each with its rows and the span of the first', () => {
  const origins = originsOf(
    element({ a: 'Grüße' }, '2026-02-16T09:30:01+00:00', SAMPLED),
    element({ a: 'b' }, '2026-02-16T09:30:01.1+00:00', SAMPLED),
    element({ a: 'b' }, '2026-02-16T09:30:00.1+00:00'),
    element({ a: 'b' }, '2026-02-16T09:30:00.2+00:00', SAMPLED.replace('4b', '5b')),
    element({ a: 'b' }, '2026-02-16T09:30:00.500001+00:00', SAMPLED.replace('00f067', 'ffffff')),
  )
  expect(origins).toEqual([
    expect.objectContaining({ rows: 3, capturedAt: '2026-02-16T09:30:00.500001+00:00' }),
    expect.objectContaining({ rows: 1, capturedAt: '2026-02-16T09:30:00.2+00:00' }),
  ])
  expect(origins[0]?.spanContext).toMatchObject({ traceId: TRACE, spanId: 'ffffffaa0ba902b7' })
})

test.each([
  ['00', 0],
  ['01', 1],
  ['02', 0],
  ['03', 1],
  ['0a', 0],
  ['0b', 1],
  ['ff', 1],
])('flags %s are sampled or not as W3C says', (flags, found) => {
  const traceparent = SAMPLED.replace(/01$/, flags)
  const origins = originsOf(element({}, '2026-02-16T09:30:01+00:00', traceparent))
  expect(origins).toHaveLength(found)
})

test('a value that looks like a trace context is a value', () => {
  const value = `,"traceparent":"${SAMPLED}"`
  expect(originsOf(element({ a: value }, '2026-02-16T09:30:01+00:00'))).toEqual([])
})
