import type { IncomingMessage, ServerResponse } from 'node:http'
import { expectsContinue } from '../http/expects-continue.ts'
import { CallerGoneError } from '../refusal/caller-gone.ts'
import { Refusal } from '../refusal/refusal.ts'

export interface BodyLimits {
  /** Bytes on the wire. */
  readonly maxBytes: number
  /** From the first look at the body to its last byte. */
  readonly timeoutMs: number
  /** Between two pieces of it. */
  readonly idleTimeoutMs: number
  /** Told of every piece that has arrived. */
  readonly onArrived: (bytes: number) => void
  /** Ends the reading; its reason is what the reading ends with. */
  readonly signal: AbortSignal
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('too_large', `the body must not have more than ${maxBytes} bytes`)
}

/**
 * Nobody knows how much of such a body is still to come, so its connection serves no other request.
 */
function timedOut(detail: string): Refusal {
  return new Refusal('body_timeout', detail, { headers: { connection: 'close' } })
}

/**
 * Looks at the declared length, where there is one.
 * @throws {Refusal} `too_large` (413), before a byte is read.
 */
export function assertDeclared(request: IncomingMessage, maxBytes: number): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

/**
 * Reads the body as it came, without undoing its coding. Listens instead of iterating: leaving an
 * iteration early destroys the socket, and the caller would see a reset instead of the refusal.
 * @param response is told to ask for the body, where the caller waits to be asked (RFC 9110,
 * 10.1.1).
 * @throws {Refusal} `too_large` (413), `body_timeout` (408), or the reason of `limits.signal`.
 * @throws {CallerGoneError}
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Buffer> {
  const { maxBytes, timeoutMs, idleTimeoutMs, onArrived, signal } = limits
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
      signal.removeEventListener('abort', onAbort)
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
      onArrived(chunk.length)
      if (signal.aborted) return
      if (received > maxBytes) refuse(tooLarge(maxBytes))
      else chunks.push(chunk)
    }
    function onEnd(): void {
      leave()
      const [first] = chunks
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, received))
    }
    function onAbort(): void {
      refuse(signal.reason)
    }
    function onGone(): void {
      leave()
      reject(new CallerGoneError('the caller went away'))
    }
    signal.addEventListener('abort', onAbort)
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
    if (expectsContinue(request)) response.writeContinue()
  })
}
