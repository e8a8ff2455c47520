import { expect, test } from 'vitest'
import { RequestBudget } from './request-budget.ts'

test('requests and bytes beyond the budget are refused at once, and what is given back can be taken again', () => {
  const budget = new RequestBudget(2, 100)
  const first = budget.enter(60)
  expect(() => budget.enter(41)).toThrow('too many bytes')
  const second = budget.enter(40)
  expect(() => budget.enter(0)).toThrow('too many requests')
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  expect(budget).toMatchObject({ requests: 1, bytes: 40 })
  second[Symbol.dispose]()
  expect(budget).toMatchObject({ requests: 0, bytes: 0 })
})

test('a share grows while there is room, and stays as it was where there is not', () => {
  const budget = new RequestBudget(2, 100)
  const share = budget.enter(10)
  share.resize(100)
  expect(() => share.resize(101)).toThrow('too many bytes')
  expect(budget.bytes).toBe(100)
  share.resize(5)
  expect(budget.bytes).toBe(5)
  share[Symbol.dispose]()
  expect(budget.bytes).toBe(0)
})
