import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal.ts'

export interface BodyLimits {
  /** Bytes on the wire. */
  readonly maxBytes: number
  /** From the first look at the body to its last byte. */
  readonly timeoutMs: number
}

/** The caller went away before the body was complete; there is nobody to answer. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError'
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('too_large', `the body must not have more than ${maxBytes} bytes`)
}

/**
 * Reads the body as it came, without undoing its coding. Listens instead of iterating: leaving an iteration early
 * destroys the socket, and the caller would see a reset instead of the refusal.
 * @throws {Refusal} `too_large` (413, before reading where the length is declared) or `body_timeout` (408).
 * @throws {CallerGoneError}
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const { maxBytes, timeoutMs } = limits
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    return Promise.reject(tooLarge(maxBytes))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const timer = setTimeout(() => {
      refuse(new Refusal('body_timeout', undefined, { headers: { connection: 'close' } }))
    }, timeoutMs)

    function leave(): void {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
    }
    function refuse(reason: Error): void {
      leave()
      request.pause()
      reject(reason)
    }
    function onData(chunk: Buffer): void {
      received += chunk.length
      if (received > maxBytes) refuse(tooLarge(maxBytes))
      else chunks.push(chunk)
    }
    function onEnd(): void {
      leave()
      const [first] = chunks
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, received))
    }
    function onGone(): void {
      leave()
      reject(new CallerGoneError('the caller went away'))
    }
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
  })
}
