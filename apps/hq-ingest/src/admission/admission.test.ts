import { expect, test } from 'vitest'
import { Admission } from './admission.ts'
import { DEFAULT_GATEWAY_LIMITS } from './gateway-limits.ts'

function admissionUnder(signals: { eventLoopDelayMs?: number; sessionWaiters?: number }) {
  const admission = new Admission(DEFAULT_GATEWAY_LIMITS, {
    eventLoopDelayMs: () => signals.eventLoopDelayMs ?? 0,
    sessionWaiters: () => signals.sessionWaiters ?? 0,
  })
  admission.migrated = true
  return admission
}

const { maxEventLoopDelayMs, maxSessionWaiters } = DEFAULT_GATEWAY_LIMITS

test('a gateway at its limits still serves', () => {
  const atLimits = { eventLoopDelayMs: maxEventLoopDelayMs, sessionWaiters: maxSessionWaiters }
  expect(() => admissionUnder(atLimits).admit()).not.toThrow()
})

test.each([
  { eventLoopDelayMs: maxEventLoopDelayMs + 1 },
  { sessionWaiters: maxSessionWaiters + 1 },
])('beyond %o it sheds with a 503 that says when to come back', (signals) => {
  try {
    admissionUnder(signals).admit()
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({
      code: 'at_capacity',
      headers: { 'retry-after': expect.stringMatching(/^[123]$/) },
    })
  }
})

test('closed it takes nothing, leaving it takes what is on its way', () => {
  const admission = admissionUnder({})
  admission.phase = 'leaving'
  expect(() => admission.admit()).not.toThrow()
  admission.phase = 'closed'
  expect(() => admission.admit()).toThrow('shutting down')
})
