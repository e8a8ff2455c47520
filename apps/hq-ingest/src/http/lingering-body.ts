import type { IncomingMessage } from 'node:http'

/** A caller that has stopped sending has read the answer, or never will. */
const IDLE_MS = 500
const MAX_MS = 5_000
const MAX_BYTES = 64 * 1024 * 1024

/**
 * Reads what still comes of a body and throws it away; resolves when it ends, pauses, or has been
 * enough.
 */
function discard(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    const idleTimer = setTimeout(leave, IDLE_MS)
    const timer = setTimeout(leave, MAX_MS)
    function leave(): void {
      clearTimeout(idleTimer)
      clearTimeout(timer)
      request.off('data', onData).off('end', leave).off('error', leave).off('close', leave)
      resolve()
    }
    function onData(chunk: Buffer): void {
      idleTimer.refresh()
      bytes += chunk.length
      if (bytes > MAX_BYTES) leave()
    }
    request.on('data', onData).on('end', leave).on('error', leave).on('close', leave).resume()
  })
}

/**
 * The body of an answer to a request that may still be arriving: the text goes out at once, and the
 * answer ends when the request does. Node closes a connection that is to be closed as soon as its
 * answer has ended, and a caller that is still sending then sees a reset instead of the refusal
 * (RFC 9112, 9.6; honojs/node-server#327).
 */
export function lingeringBody(text: string, request: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from(text))
      await discard(request)
      controller.close()
    },
  })
}
