import { emptyCounts } from '@hq-export/contract'
import { expect, test } from 'vitest'
import { Checkpoint } from './checkpoint.ts'
import { beginPass } from './progress.ts'

const PASS = { kind: 'rows', dataset: 'dx_operation_runs_v1', snapshots: 'none' } as const

function result(last: string, scanned = 10) {
  return {
    last: [last],
    scanned,
    counts: { ...emptyCounts(scanned), inserted: scanned },
    refused: 1,
  }
}

test('the checkpoint waits for every chunk before it, in whatever order they settle', () => {
  const checkpoint = new Checkpoint(beginPass(PASS, 30))
  const [first, second, third] = [checkpoint.begin(), checkpoint.begin(), checkpoint.begin()]
  third(result('c'))
  second(result('b'))
  expect(checkpoint.progress).toMatchObject({ after: null, scanned: 0 })
  first(result('a'))
  expect(checkpoint.progress).toMatchObject({
    after: ['c'],
    scanned: 30,
    refused: 3,
    counts: { received: 30, inserted: 30 },
  })
})

test('a pass with a chunk that is not settled cannot be finished', () => {
  const checkpoint = new Checkpoint(beginPass(PASS, 30))
  const settle = checkpoint.begin()
  expect(() => checkpoint.finish()).toThrow('settled')
  settle(result('a'))
  checkpoint.finish()
  expect(checkpoint.progress.isDone).toBe(true)
})
