import { test } from 'vitest'
import { loadTwoGateways } from './load-two-gateways.ts'

test('two gateways behind HAProxy on one HQ, keys overlapping and reversed: no deadlock, no double effect, every answer true', async () => {
  await loadTwoGateways(12)
})
