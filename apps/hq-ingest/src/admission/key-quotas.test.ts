import { expect, test } from 'vitest'
import { Refusal } from '../refusal/refusal.ts'
import { KeyQuotas } from './key-quotas.ts'

const noJitter = () => 0

function refusalOf(work: () => unknown): Refusal {
  try {
    work()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('a key without a quota is never refused and gets no header', () => {
  const quotas = new KeyQuotas(noJitter)
  for (let i = 0; i < 10_000; i++) expect(quotas.charge({ id: 'a' }, 1e9, 0)).toEqual({})
})

test('requests beyond the quota are 429 until one is due, with the draft headers', () => {
  const quotas = new KeyQuotas(noJitter)
  const key = { id: 'a', quota: { requestsPerMinute: 2 } }
  expect(quotas.charge(key, 10, 0)).toEqual({
    'ratelimit-policy': '"requests";q=2;w=60',
    ratelimit: '"requests";r=1;t=30',
  })
  quotas.charge(key, 10, 0)
  const refusal = refusalOf(() => quotas.charge(key, 10, 0))
  expect(refusal.code).toBe('quota_exceeded')
  expect(refusal.headers).toEqual({
    'retry-after': '30',
    'ratelimit-policy': '"requests";q=2;w=60',
    ratelimit: '"requests";r=0;t=60',
  })
  expect(refusal.members).toEqual({ 'violated-policies': ['requests'] })
  expect(quotas.charge(key, 10, 30_000)).toMatchObject({ ratelimit: '"requests";r=0;t=60' })
})

test('bytes are counted beside requests, and a refused request costs neither', () => {
  const quotas = new KeyQuotas(noJitter)
  const key = { id: 'a', quota: { requestsPerMinute: 100, bytesPerMinute: 600 } }
  expect(quotas.charge(key, 500, 0)['ratelimit-policy']).toBe(
    '"requests";q=100;w=60, "bytes";q=600;w=60;qu="content-bytes"',
  )
  const refusal = refusalOf(() => quotas.charge(key, 200, 0))
  expect(refusal.headers).toMatchObject({
    'retry-after': '10',
    ratelimit: '"requests";r=99;t=1, "bytes";r=100;t=50',
  })
  expect(refusal.members).toEqual({ 'violated-policies': ['bytes'] })
})

test('the jitter only lengthens the wait', () => {
  const waits = [0, 0.5, 0.999].map((random) => {
    const quotas = new KeyQuotas(() => random)
    const key = { id: 'a', quota: { requestsPerMinute: 1 } }
    quotas.charge(key, 1, 0)
    return Number(refusalOf(() => quotas.charge(key, 1, 0)).headers['retry-after'])
  })
  expect(waits).toEqual([60, 66, 72])
})

test('keys pay for themselves alone, and a changed quota counts at once', () => {
  const quotas = new KeyQuotas(noJitter)
  const quota = { requestsPerMinute: 1 }
  quotas.charge({ id: 'a', quota }, 1, 0)
  quotas.charge({ id: 'b', quota }, 1, 0)
  expect(() => quotas.charge({ id: 'a', quota }, 1, 0)).toThrow(Refusal)
  quotas.charge({ id: 'a', quota: { requestsPerMinute: 5 } }, 1, 0)
  expect(quotas.charge({ id: 'a' }, 1, 0)).toEqual({})
})
