import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { EventLoopDelay } from './event-loop-delay.ts'

const WINDOW_MS = 1_000

/** Blocks the loop once, then lets it turn every 20 ms, for the rest of a window. */
async function passWindow(blockMs: number, times: number): Promise<void> {
  const end = performance.now() + WINDOW_MS
  for (let i = 0; performance.now() < end; i++) {
    const until = performance.now() + (i < times ? blockMs : 0)
    while (performance.now() < until);
    await delay(20)
  }
}

test('a loop that is blocked again and again runs late; one long step among many short ones is no lateness', async () => {
  const loop = new EventLoopDelay()
  loop.start()
  try {
    await passWindow(150, Number.POSITIVE_INFINITY)
    expect(loop.medianMs).toBeGreaterThan(100)
    await passWindow(300, 1)
    expect(loop.medianMs).toBeLessThan(100)
  } finally {
    loop.stop()
  }
})
