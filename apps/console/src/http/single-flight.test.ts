import { expect, test } from 'vitest'
import { SingleFlight } from './single-flight.ts'

const HOLD_MS = 1_000

function flightsAt(clock: { now: number }): SingleFlight<number> {
  return new SingleFlight<number>(HOLD_MS, () => clock.now)
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
