import { expect, test } from 'vitest'
import { errorsInOrder } from './errors-in-order.ts'

async function failAtEveryRelease(): Promise<void> {
  await using held = new AsyncDisposableStack()
  held.defer(() => Promise.reject(new Error('the last release')))
  held.defer(() => Promise.reject(new Error('the first release')))
  throw new Error('the work')
}

test('the error of the work comes first, then what the releases threw', async () => {
  const thrown = await failAtEveryRelease().catch((error: unknown) => error)
  expect(errorsInOrder(thrown)).toEqual([
    new Error('the work'),
    new Error('the first release'),
    new Error('the last release'),
  ])
})

test('any other error is alone', () => {
  const error = new Error('alone')
  expect(errorsInOrder(error)).toEqual([error])
})
