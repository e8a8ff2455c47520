import { expect, test, vi } from 'vitest'
import { Bulkhead } from './bulkhead.ts'

const LIMITS = { maxActive: 2, maxRequests: 4, maxWaitMs: 5_000 }

/** Work that lasts until it is told to end. */
function lasting(begun: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const work = () => {
    begun.push(name)
    return promise
  }
  return { work, end: resolve }
}

test('a key works on a few, lets some wait in order and refuses the rest; another key notices nothing', async () => {
  const bulkhead = new Bulkhead(LIMITS)
  const begun: string[] = []
  const works = ['1', '2', '3', '4'].map((name) => lasting(begun, name))
  const runs = works.map(({ work }) => bulkhead.run('a', work))
  await expect(bulkhead.run('a', async () => {})).rejects.toMatchObject({ code: 'at_capacity' })
  expect(await bulkhead.run('b', async () => 'done')).toBe('done')
  expect(begun).toEqual(['1', '2'])
  works[1]?.end()
  await runs[1]
  expect(begun).toEqual(['1', '2', '3'])
  for (const { end } of works) end()
  await Promise.all(runs)
  expect(begun).toEqual(['1', '2', '3', '4'])
})

test('a failure frees its place', async () => {
  const bulkhead = new Bulkhead({ ...LIMITS, maxActive: 1 })
  const failed = bulkhead.run('a', () => Promise.reject(new Error('broken')))
  const next = bulkhead.run('a', async () => 'done')
  await expect(failed).rejects.toThrow('broken')
  expect(await next).toBe('done')
})

test('who waits too long is refused, and never begins', async () => {
  vi.useFakeTimers()
  try {
    const bulkhead = new Bulkhead({ ...LIMITS, maxActive: 1 })
    const begun: string[] = []
    const first = lasting(begun, 'first')
    const running = bulkhead.run('a', first.work)
    const waiting = bulkhead.run('a', lasting(begun, 'second').work)
    const refused = expect(waiting).rejects.toMatchObject({ code: 'at_capacity' })
    vi.advanceTimersByTime(5_000)
    await refused
    first.end()
    await running
    expect(begun).toEqual(['first'])
    expect(await bulkhead.run('a', async () => 'done')).toBe('done')
  } finally {
    vi.useRealTimers()
  }
})
