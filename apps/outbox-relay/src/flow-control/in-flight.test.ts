import { expect, test } from 'vitest'
import { InFlight } from './in-flight.ts'

test('never more than the limit at once, and all of them end', async () => {
  const inFlight = new InFlight(3)
  let running = 0
  let most = 0
  let ended = 0
  for (let task = 0; task < 20; task++) {
    await inFlight.add(async () => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      ended++
    })
  }
  await inFlight.drain()
  expect({ most, ended }).toEqual({ most: 3, ended: 20 })
})

test('the first failure reaches whoever drains, after the others have ended', async () => {
  const inFlight = new InFlight(2)
  const other = Promise.withResolvers<void>()
  let otherEnded = false
  await inFlight.add(async () => {
    await other.promise
    otherEnded = true
  })
  await inFlight.add(async () => {
    throw new Error('first')
  })
  const drained = inFlight.drain()
  other.resolve()
  await expect(drained).rejects.toThrow('first')
  expect(otherEnded).toBe(true)
})

test('a failure stops what would be added after it', async () => {
  const inFlight = new InFlight(1)
  await inFlight.add(async () => {
    throw new Error('first')
  })
  let started = false
  await expect(
    inFlight.add(async () => {
      started = true
    }),
  ).rejects.toThrow('first')
  expect(started).toBe(false)
})
