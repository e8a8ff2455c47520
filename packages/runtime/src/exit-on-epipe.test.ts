import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { exitOnEpipe } from './exit-on-epipe.ts'

function failing(code: string): { output: Writable; gone: () => boolean } {
  let isGone = false
  const output = new Writable()
  exitOnEpipe(output, () => {
    isGone = true
  })
  const error = Object.assign(new Error('write'), { code })
  return { output, gone: () => output.emit('error', error) && isGone }
}

test('a reader that has gone is told', () => {
  expect(failing('EPIPE').gone()).toBe(true)
})

test('any other error is thrown', () => {
  expect(() => failing('ENOSPC').gone()).toThrow('write')
})
