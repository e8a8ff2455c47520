import type { Writable } from 'node:stream'

/**
 * Calls `then` when nobody reads `output` any more: whoever did has seen enough, as `head` has, and
 * it is no error. Any other error of it is thrown.
 */
export function exitOnEpipe(output: Writable, then: () => void): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    then()
  })
}
