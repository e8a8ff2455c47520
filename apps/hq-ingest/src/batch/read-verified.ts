import type { IncomingMessage, ServerResponse } from 'node:http'
import { inStep } from '@hq-export/observability/span.ts'
import type { Admission } from '../admission/admission.ts'
import type { BatchHead } from '../http/read-head.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { assertDeclared, readBody } from './read-body.ts'
import { readSuspect, verifyBatch } from './verify-batch.ts'

/** What it takes to find out who signed a request. */
export interface Verifying {
  readonly keys: KeyRing
  readonly admission: Admission
  /** Clock of `webhook-timestamp`, in milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * Reads the body of a request of whom nobody knows, among the strangers, and finds out who signed
 * it. Until then it costs what has arrived of it, and may have to go for the next one.
 * @param maxBytes of the body as it is sent.
 * @throws {Refusal} of whichever step refuses the request.
 */
export async function readVerified(
  head: BatchHead,
  request: IncomingMessage,
  response: ServerResponse,
  { keys, admission, now }: Verifying,
  maxBytes: number,
): Promise<{ readonly wire: Buffer; readonly key: IngestKey }> {
  const { strangers, connections, verification, limits } = admission
  const { socket } = request
  const suspect = await readSuspect(head, keys, now())
  assertDeclared(request, maxBytes)
  const eviction = new AbortController()
  const { signal } = eviction
  using stranger = strangers.enter(socket.remoteAddress ?? '', (reason) => eviction.abort(reason))
  const wire = await inStep('read body', () =>
    readBody(request, response, {
      maxBytes,
      timeoutMs: limits.bodyTimeoutMs,
      idleTimeoutMs: limits.bodyIdleTimeoutMs,
      onArrived: (bytes) => stranger.arrived(bytes),
      signal,
    }),
  )
  const key = await inStep('verify', () =>
    verifyBatch(suspect, wire, connections.keyIdOf(socket), verification, signal),
  )
  connections.trust(socket, key.id)
  return { wire, key }
}
