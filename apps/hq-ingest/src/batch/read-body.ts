import type { IncomingMessage, ServerResponse } from 'node:http'
import { expectsContinue } from '../expects-continue.ts'
import { Refusal } from '../refusal.ts'

export interface BodyLimits {
  /** Bytes on the wire. */
  readonly maxBytes: number
  /** From the first look at the body to its last byte. */
  readonly timeoutMs: number
  /** Between two pieces of it. */
  readonly idleTimeoutMs: number
}

/** The caller went away before the body was complete; there is nobody to answer. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError'
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('too_large', `the body must not have more than ${maxBytes} bytes`)
}

/** Nobody knows how much of such a body is still to come, so its connection serves no other request. */
function timedOut(detail: string): Refusal {
  return new Refusal('body_timeout', detail, { headers: { connection: 'close' } })
}

/**
 * How many bytes the body may have: the declared length, or the limit where none is declared.
 * @throws {Refusal} `too_large` (413), before a byte is read.
 */
export function declaredBytes(request: IncomingMessage, maxBytes: number): number {
  const declared = request.headers['content-length']
  if (declared === undefined) return maxBytes
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes)
  return Number(declared)
}

/**
 * Reads the body as it came, without undoing its coding. Listens instead of iterating: leaving an iteration early
 * destroys the socket, and the caller would see a reset instead of the refusal.
 * @param response is told to ask for the body, where the caller waits to be asked (RFC 9110, 10.1.1).
 * @throws {Refusal} `too_large` (413) or `body_timeout` (408).
 * @throws {CallerGoneError}
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Buffer> {
  const { maxBytes, timeoutMs, idleTimeoutMs } = limits
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received = 0
    const timer = setTimeout(
      () => refuse(timedOut(`the body must be there within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const idleTimer = setTimeout(
      () => refuse(timedOut(`the body must not pause for ${idleTimeoutMs} ms`)),
      idleTimeoutMs,
    )

    function leave(): void {
      clearTimeout(timer)
      clearTimeout(idleTimer)
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
    }
    function refuse(reason: Error): void {
      leave()
      request.pause()
      reject(reason)
    }
    function onData(chunk: Buffer): void {
      idleTimer.refresh()
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
    if (expectsContinue(request)) response.writeContinue()
  })
}
