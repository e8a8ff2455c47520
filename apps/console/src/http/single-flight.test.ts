import { expect, test } from 'vitest'
import { SingleFlight } from './single-flight.ts'

const HOLD_MS = 1_000

function flightsAt(clock: { now: number }): SingleFlight<number> {
  return new SingleFlight<number>({ holdMs: HOLD_MS, refreshShare: 0.02, now: () => clock.now })
}

test('who asks while it is read, or within the hold, gets what was read once', async () => {
  const clock = { now: 0 }
  const flights = flightsAt(clock)
  const slow = Promise.withResolvers<number>()
  let reads = 0
  const read = () => {
    reads++
    return slow.promise
  }
  const tabs = Array.from({ length: 10 }, () => flights.get('a', read))
  clock.now = 60_000
  const late = flights.get('a', read)
  slow.resolve(7)
  expect(await Promise.all([...tabs, late])).toStrictEqual(Array(11).fill(7))
  clock.now = 60_999
  expect(await flights.get('a', read)).toBe(7)
  expect(reads).toBe(1)
  clock.now = 61_000
  expect(await flights.get('a', async () => 8)).toBe(8)
})

test('another key is read by itself', async () => {
  const flights = flightsAt({ now: 0 })
  expect(await flights.get('ada /', async () => 1)).toBe(1)
  expect(await flights.get('eve /', async () => 2)).toBe(2)
})

test('what failed is told to all who wait, and is read again', async () => {
  const flights = flightsAt({ now: 0 })
  const fail = () => Promise.reject(new Error('down'))
  const [first, second] = [flights.get('a', fail), flights.get('a', async () => 1)]
  await expect(first).rejects.toThrow('down')
  await expect(second).rejects.toThrow('down')
  expect(await flights.get('a', async () => 2)).toBe(2)
})

test('many addresses within the hold keep no more than the newest 64', async () => {
  const flights = flightsAt({ now: 0 })
  for (let i = 0; i < 65; i++) await flights.get(`/?x=${i}`, async () => i)
  expect(await flights.get('/?x=1', async () => -1)).toBe(1)
  expect(await flights.get('/?x=0', async () => -1)).toBe(-1)
})

test('pages that refresh themselves are read for a fiftieth of the time, however many are open', async () => {
  const clock = { now: 0 }
  const flights = flightsAt(clock)
  const reads = new Map<string, number>()
  const ask = (key: string, isRefresh: boolean) =>
    flights.get(
      key,
      async () => {
        reads.set(key, (reads.get(key) ?? 0) + 1)
        await Promise.resolve()
        clock.now += 50
        return clock.now
      },
      isRefresh,
    )
  const pages = Array.from({ length: 10 }, (_, page) => `/${page}`)
  for (const page of pages) await ask(page, false)
  const began = clock.now
  while (clock.now < began + 100_000) {
    for (const page of pages) await ask(page, true)
    clock.now += 2_000
  }
  const spent = 50 * ([...reads.values()].reduce((sum, count) => sum + count) - pages.length)
  expect(spent / (clock.now - began)).toBeLessThanOrEqual(0.022)
  expect(spent / (clock.now - began)).toBeGreaterThan(0.01)
  expect(Math.min(...reads.values())).toBeGreaterThan(2)

  // Whoever opens one meanwhile gets one of now; and the last one open is read often again.
  expect(await ask('/3', false)).toBe(clock.now)
  clock.now += 10_001
  await ask('/3', true)
  const last = reads.get('/3') ?? 0
  clock.now += 2_501
  expect(await ask('/3', true)).toBe(clock.now)
  expect(reads.get('/3')).toBe(last + 1)
})
