import { expect, test } from 'vitest'
import { VerificationBudget } from './verification-budget.ts'

const MIB = 1024 * 1024

function budgetAt() {
  let nowMs = 0
  const budget = new VerificationBudget(() => nowMs)
  return {
    budget,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

test('a body that is tried with the keys that its caller names is never refused', () => {
  const { budget } = budgetAt()
  for (let i = 0; i < 10_000; i++) budget.pay(2, 8 * MIB)
})

test('a large body that is tried with every key leaves a debt for the next large one, and none for small ones', () => {
  const { budget, pass } = budgetAt()
  budget.pay(300, 8 * MIB)
  expect(() => budget.pay(300, MIB)).toThrow(/name the key/)
  for (let i = 0; i < 100; i++) budget.pay(300, 1024)
  pass(8_000)
  expect(() => budget.pay(300, MIB)).toThrow(/name the key/)
  pass(3_000)
  budget.pay(300, MIB)
})

test('small ones are bounded, too, say when to come back, and cost nothing if they turn out to be signed', () => {
  const { budget } = budgetAt()
  for (let i = 0; i < 10_000; i++) budget.pay(300, 1024)()
  const spend = () => {
    for (let i = 0; i < 1_000; i++) budget.pay(300, 1024)
  }
  expect(spend).toThrow(
    expect.objectContaining({
      code: 'at_capacity',
      headers: { 'retry-after': expect.stringMatching(/^[123]$/) },
    }),
  )
})
