import { expect, test } from 'vitest'
import type { AttemptOutcome } from './classify.ts'
import { Suspicion } from './suspicion.ts'

const reset: AttemptOutcome = { kind: 'retry', reason: 'ECONNRESET', isSuspect: true }
const busy: AttemptOutcome = { kind: 'retry', reason: '503', isSuspect: false }
const ready = async () => true
const notReady = async () => false

function after(outcomes: readonly AttemptOutcome[]): Suspicion {
  const suspicion = new Suspicion()
  for (const outcome of outcomes) suspicion.note(outcome, 10)
  return suspicion
}

test('three suspect ends and another batch that succeeded confirm it', async () => {
  expect(await after([reset, reset, reset]).isConfirmed(11, notReady)).toBe(true)
})

test('three suspect ends and an HQ that says it is ready confirm it', async () => {
  expect(await after([reset, busy, reset, reset]).isConfirmed(10, ready)).toBe(true)
})

test('an outage, which looks the same to every batch, does not', async () => {
  expect(await after([reset, reset, reset, reset]).isConfirmed(10, notReady)).toBe(false)
})

test('two suspect ends do not, nor any number of refusals', async () => {
  expect(await after([reset, reset]).isConfirmed(11, ready)).toBe(false)
  expect(await after([busy, busy, busy, busy]).isConfirmed(11, ready)).toBe(false)
})
