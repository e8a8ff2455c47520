import { expect, test } from 'vitest'
import { type Origin, Origins } from './origins.ts'

function traceparent(trace: number, flags = '01', span = 'b7ad6b7169203331'): string {
  return `00-${trace.toString(16).padStart(32, '0')}-${span}-${flags}`
}

function originsOf(...traceparents: readonly string[]): Origins {
  const origins = new Origins((origin: Origin) => origin)
  for (const text of traceparents) origins.add(text)
  return origins
}

test('a batch links to each distinct trace once, and counts its rows', () => {
  const origins = originsOf(
    traceparent(1),
    traceparent(2),
    traceparent(1, '01', '00f067aa0ba902b7'),
  )
  expect(origins.links()).toEqual([
    {
      context: expect.objectContaining({ spanId: 'b7ad6b7169203331', isRemote: true }),
      attributes: { 'hq_export.link': 'origin', 'hq_export.rows': 2 },
    },
    expect.objectContaining({ attributes: { 'hq_export.link': 'origin', 'hq_export.rows': 1 } }),
  ])
  expect(origins.dropped).toBe(0)
})

test('300 traces give 128 links, and the rest is counted', () => {
  const traces = Array.from({ length: 300 }, (_, i) => traceparent(i + 1))
  const origins = originsOf(...traces, ...traces)
  expect(origins.links()).toHaveLength(128)
  expect(origins.dropped).toBe(172)
})

test('what its application did not sample, and what is no traceparent, leads nowhere', () => {
  const origins = originsOf(traceparent(1, '00'), 'nonsense', traceparent(0))
  expect(origins.links()).toEqual([])
  expect(origins.dropped).toBe(0)
})
