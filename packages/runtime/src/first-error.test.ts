import { expect, test } from 'vitest'
import { firstError } from './first-error.ts'

async function failAtEveryRelease(): Promise<void> {
  await using held = new AsyncDisposableStack()
  held.defer(() => Promise.reject(new Error('the last release')))
  held.defer(() => Promise.reject(new Error('the first release')))
  throw new Error('the work')
}

test('the error of the work is told, whatever the releases after it throw', async () => {
  const thrown = await failAtEveryRelease().catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(SuppressedError)
  expect(firstError(thrown)).toEqual(new Error('the work'))
})

test('any other error is itself', () => {
  const error = new Error('alone')
  expect(firstError(error)).toBe(error)
})
