import { test } from 'vitest'
import { loadTwoGateways } from '../system/load-two-gateways.ts'

test('two gateways behind HAProxy on one HQ, ten minutes, keys overlapping and reversed: no deadlock, no double effect', async () => {
  const said = await loadTwoGateways(600)
  process.stdout.write(`${JSON.stringify(said)}\n`)
})
