import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Gate } from './circuit-breaker.ts'

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
async function enters(gate: Gate): Promise<boolean> {
  let isIn = false
  void gate.enter(running).then(() => {
    isIn = true
  })
  await vi.advanceTimersByTimeAsync(0)
  return isIn
}

async function fail(gate: Gate, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await gate.enter(running)
    gate.leave(DOWN)
  }
}

/** A gate that HQ, in trouble, has shut for so long. */
async function shutGate(retryAfterMs: number, askReady?: () => Promise<boolean>): Promise<Gate> {
  const gate = new Gate(4, askReady)
  await gate.enter(running)
  gate.leave({ kind: 'down', retryAfterMs })
  expect(await enters(gate)).toBe(false)
  return gate
}

describe('the gate', () => {
  test('lets as many in at once as its limit, and the next when one leaves', async () => {
    const gate = new Gate(2)
    expect([await enters(gate), await enters(gate), await enters(gate)]).toEqual([
      true,
      true,
      false,
    ])
    gate.leave(UP)
    await vi.advanceTimersByTimeAsync(0)
    expect(gate.active).toBe(2)
  })

  test('halves its limit with a failure and wins it back one by one', async () => {
    const gate = new Gate(8)
    await fail(gate, 1)
    expect(gate.limit).toBe(4)
    for (let time = 0; time < 5; time++) {
      await gate.enter(running)
      gate.leave(UP)
    }
    expect(gate.limit).toBe(5)
  })

  test('is shut for as long as Retry-After says, for every batch', async () => {
    const gate = await shutGate(3000)
    await vi.advanceTimersByTimeAsync(2999)
    expect(gate.active).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(gate.active).toBe(1)
  })

  test('is shut for five minutes at most, whatever HQ asks for, and sets no timer that overflows', async () => {
    const gate = await shutGate(99_999_999_000)
    await vi.advanceTimersByTimeAsync(299_999)
    expect(gate.active).toBe(0)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(gate.active).toBe(1)
  })

  test('a clock that is set back keeps nobody waiting', async () => {
    const gate = await shutGate(2000)
    vi.setSystemTime(Date.now() - 3_600_000)
    await vi.advanceTimersByTimeAsync(2000)
    expect(gate.active).toBe(1)
  })

  test('an HQ that was not ready and is again is tried before its time is over', async () => {
    const said = [false, false, true]
    let asked = 0
    const gate = await shutGate(240_000, async () => said[asked++] ?? true)
    await vi.advanceTimersByTimeAsync(44_999)
    expect([asked, gate.active]).toEqual([2, 0])
    await vi.advanceTimersByTimeAsync(1)
    expect([asked, gate.active]).toEqual([3, 1])
  })

  test('an HQ that is ready all along, as one that throttles, gets the rest it asked for', async () => {
    const gate = await shutGate(60_000, async () => true)
    await vi.advanceTimersByTimeAsync(59_999)
    expect(gate.active).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(gate.active).toBe(1)
  })

  test('learns nothing from a refusal that may be the batch’s own', async () => {
    const gate = new Gate(4)
    await gate.enter(running)
    gate.leave({ kind: 'unclear' })
    expect([await enters(gate), gate.limit]).toEqual([true, 4])
  })

  test('after failures in a row lets one probe in at a time, after a growing pause', async () => {
    const gate = new Gate(4, undefined, () => 0.999)
    await fail(gate, 4)
    for (let batch = 0; batch < 3; batch++) expect(await enters(gate)).toBe(false)
    await vi.advanceTimersByTimeAsync(800)
    expect(gate.active).toBe(1)
    gate.leave(DOWN)
    await vi.advanceTimersByTimeAsync(800)
    expect(gate.active).toBe(0)
    await vi.advanceTimersByTimeAsync(800)
    expect(gate.active).toBe(1)
  })

  test('a probe that succeeds lets the others in again', async () => {
    const gate = new Gate(4, undefined, () => 0)
    await fail(gate, 8)
    expect([await enters(gate), await enters(gate)]).toEqual([true, false])
    gate.leave(UP)
    await vi.advanceTimersByTimeAsync(0)
    expect(gate.active).toBe(1)
    expect(gate.limit).toBeGreaterThanOrEqual(1)
  })

  test('probes slowly while delivery is halted', async () => {
    const gate = new Gate(4)
    await gate.enter(running)
    gate.leave({ kind: 'halted', pauseMs: 15_000 })
    expect([await enters(gate), await enters(gate)]).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(15_000)
    expect(gate.active).toBe(1)
  })

  test('whoever waits is sent away when the relay stops, and leaves no place taken', async () => {
    const gate = new Gate(1)
    await gate.enter(running)
    const stopping = new AbortController()
    const waiting = gate.enter(stopping.signal)
    stopping.abort(new Error('stop'))
    await expect(waiting).rejects.toThrow('stop')
    gate.leave(UP)
    expect(await enters(gate)).toBe(true)
    expect(gate.active).toBe(1)
  })

  test('a backfill leaves one place free, and goes behind every live attempt that waits', async () => {
    const gate = new Gate(3)
    const entered: string[] = []
    const ask = (rank: 'live' | 'backfill', name: string) =>
      void gate.enter(running, rank).then(() => entered.push(name))
    for (const name of ['b1', 'b2', 'b3']) ask('backfill', name)
    ask('live', 'l1')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toEqual(['b1', 'b2', 'l1'])
    ask('live', 'l2')
    gate.leave(UP, 'backfill')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toEqual(['b1', 'b2', 'l1', 'l2'])
    // Three under way: two must end before there is a place beside the free one.
    gate.leave(UP, 'live')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered).toHaveLength(4)
    gate.leave(UP, 'live')
    await vi.advanceTimersByTimeAsync(0)
    expect(entered.at(-1)).toBe('b3')
  })

  test('a backfill that is halted holds nobody else up', async () => {
    const gate = new Gate(4)
    await gate.enter(running, 'backfill')
    gate.leave({ kind: 'halted', pauseMs: 15_000 }, 'backfill')
    expect(await enters(gate)).toBe(true)
    expect(gate.limit).toBe(4)
  })

  test('a backfill goes on one by one where HQ takes one attempt at a time', async () => {
    const gate = new Gate(1)
    await gate.enter(running, 'backfill')
    gate.leave(UP, 'backfill')
    await gate.enter(running, 'backfill')
    expect(gate.active).toBe(1)
  })
})
