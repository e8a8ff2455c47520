import type { Envelope } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { originLinks } from './trace-batch.ts'

function rowsFrom(...origins: (number | undefined)[]): Envelope['rows'] {
  return origins.map((origin) => ({
    row: {},
    xid: '1',
    captured_at: '2026-01-01T00:00:00Z',
    traceparent:
      origin === undefined
        ? undefined
        : `00-${(origin + 1).toString(16).padStart(32, '0')}-b7ad6b7169203331-01`,
  }))
}

test('a batch links to each distinct origin once', () => {
  const { links, dropped } = originLinks(rowsFrom(1, 2, 1, undefined))
  expect(links).toHaveLength(2)
  expect(dropped).toBe(0)
  expect(links[0]?.context).toMatchObject({
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
  })
})

test('300 origins give 128 links, and the rest is counted', () => {
  const { links, dropped } = originLinks(rowsFrom(...Array.from({ length: 300 }, (_, i) => i)))
  expect(links).toHaveLength(128)
  expect(dropped).toBe(172)
})
