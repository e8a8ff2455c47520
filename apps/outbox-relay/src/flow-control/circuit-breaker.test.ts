import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CircuitBreaker } from './circuit-breaker.ts'

const running = new AbortController().signal
const DOWN = { kind: 'down' } as const
const UP = { kind: 'up' } as const

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Enters and says whether it was let in at once. */
async function enters(breaker: CircuitBreaker): Promise<boolean> {
  let isIn = false
  void breaker.enter(running).then(() => {
    isIn = true
  })
  await vi.advanceTimersByTimeAsync(0)
  return isIn
}

async function fail(breaker: CircuitBreaker, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await breaker.enter(running)
    breaker.leave(DOWN)
  }
}

/** A circuit breaker that HQ, in trouble, has shut for so long. */
async function brokenCircuit(
  retryAfterMs: number,
  checkReady?: () => Promise<boolean>,
): Promise<CircuitBreaker> {
  const breaker = new CircuitBreaker(4, checkReady)
  await breaker.enter(running)
  breaker.leave({ kind: 'down', retryAfterMs })
  expect(await enters(breaker)).toBe(false)
  return breaker
}

describe('the circuit breaker', () => {
  test('lets as many in at once as its limit, and the next when one leaves', async () => {
    const breaker = new CircuitBreaker(2)
    expect([await enters(breaker), await enters(breaker), await enters(breaker)]).toEqual([
      true,
      true,
      false,
    ])
    breaker.leave(UP)
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.active).toBe(2)
  })

  test('halves its limit with a failure and wins it back one by one', async () => {
    const breaker = new CircuitBreaker(8)
    await fail(breaker, 1)
    expect(breaker.limit).toBe(4)
    for (let time = 0; time < 5; time++) {
      await breaker.enter(running)
      breaker.leave(UP)
    }
    expect(breaker.limit).toBe(5)
  })

  test('is shut for as long as Retry-After says, for every batch', async () => {
    const breaker = await brokenCircuit(3000)
    await vi.advanceTimersByTimeAsync(2999)
    expect(breaker.active).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(breaker.active).toBe(1)
  })

  test('is shut for five minutes at most, whatever HQ asks for, and sets no timer that overflows', async () => {
    const breaker = await brokenCircuit(99_999_999_000)
    await vi.advanceTimersByTimeAsync(299_999)
    expect(breaker.active).toBe(0)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(breaker.active).toBe(1)
  })

  test('a clock that is set back keeps nobody waiting', async () => {
    const breaker = await brokenCircuit(2000)
    vi.setSystemTime(Date.now() - 3_600_000)
    await vi.advanceTimersByTimeAsync(2000)
    expect(breaker.active).toBe(1)
  })

  test('an HQ that was not ready and is again is tried before its time is over', async () => {
    const said = [false, false, true]
    let asked = 0
    const breaker = await brokenCircuit(240_000, async () => said[asked++] ?? true)
    await vi.advanceTimersByTimeAsync(44_999)
    expect([asked, breaker.active]).toEqual([2, 0])
    await vi.advanceTimersByTimeAsync(1)
    expect([asked, breaker.active]).toEqual([3, 1])
  })

  test('an HQ that is ready all along, as one that throttles, gets the rest it asked for', async () => {
    const breaker = await brokenCircuit(60_000, async () => true)
    await vi.advanceTimersByTimeAsync(59_999)
    expect(breaker.active).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(breaker.active).toBe(1)
  })

  test('learns nothing from a refusal that may be the batch’s own', async () => {
    const breaker = new CircuitBreaker(4)
    await breaker.enter(running)
    breaker.leave({ kind: 'unclear' })
    expect([await enters(breaker), breaker.limit]).toEqual([true, 4])
  })

  test('after failures in a row lets one probe in at a time, after a growing pause', async () => {
    const breaker = new CircuitBreaker(4, undefined, () => 0.999)
    await fail(breaker, 4)
    for (let batch = 0; batch < 3; batch++) expect(await enters(breaker)).toBe(false)
    await vi.advanceTimersByTimeAsync(800)
    expect(breaker.active).toBe(1)
    breaker.leave(DOWN)
    await vi.advanceTimersByTimeAsync(800)
    expect(breaker.active).toBe(0)
    await vi.advanceTimersByTimeAsync(800)
    expect(breaker.active).toBe(1)
  })

  test('a probe that succeeds lets the others in again', async () => {
    const breaker = new CircuitBreaker(4, undefined, () => 0)
    await fail(breaker, 8)
    expect([await enters(breaker), await enters(breaker)]).toEqual([true, false])
    breaker.leave(UP)
    await vi.advanceTimersByTimeAsync(0)
    expect(breaker.active).toBe(1)
    expect(breaker.limit).toBeGreaterThanOrEqual(1)
  })

  test('probes slowly while delivery is halted', async () => {
    const breaker = new CircuitBreaker(4)
    await breaker.enter(running)
    breaker.leave({ kind: 'halted', pauseMs: 15_000 })
    expect([await enters(breaker), await enters(breaker)]).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(15_000)
    expect(breaker.active).toBe(1)
  })

  test('whoever waits is sent away when the relay stops, and leaves no place taken', async () => {
    const breaker = new CircuitBreaker(1)
    await breaker.enter(running)
    const stopping = new AbortController()
    const waiting = breaker.enter(stopping.signal)
    stopping.abort(new Error('stop'))
    await expect(waiting).rejects.toThrow('stop')
    breaker.leave(UP)
    expect(await enters(breaker)).toBe(true)
    expect(breaker.active).toBe(1)
  })

  test('a backfill leaves one place free, and goes behind every live attempt that waits', async () => {
    const breaker = new CircuitBreaker(3)
    const entered: string[] = []
    const ask = (rank: 'live' | 'backfill', name: string) =>
      void breaker.enter(running, rank).then(() => entered.push(name))
    for (const name of ['b1', 'b2', 'b3']) ask('backfill', name)
    ask('live', 'l1')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toEqual(['b1', 'b2', 'l1'])
    ask('live', 'l2')
    breaker.leave(UP, 'backfill')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toEqual(['b1', 'b2', 'l1', 'l2'])
    // Three under way: two must end before there is a place beside the free one.
    breaker.leave(UP, 'live')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toHaveLength(4)
    breaker.leave(UP, 'live')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered.at(-1)).toBe('b3')
  })

  test('a backfill that is halted holds nobody else up', async () => {
    const breaker = new CircuitBreaker(4)
    await breaker.enter(running, 'backfill')
    breaker.leave({ kind: 'halted', pauseMs: 15_000 }, 'backfill')
    expect(await enters(breaker)).toBe(true)
    expect(breaker.limit).toBe(4)
  })

  test('a backfill goes on one by one where HQ takes one attempt at a time', async () => {
    const breaker = new CircuitBreaker(1)
    await breaker.enter(running, 'backfill')
    breaker.leave(UP, 'backfill')
    await breaker.enter(running, 'backfill')
    expect(breaker.active).toBe(1)
  })
})
