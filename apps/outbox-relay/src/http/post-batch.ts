import { BATCHES_PATH, type SigningKey, TRACEPARENT } from '@hq-export/contract'
import { errorType } from '@hq-export/observability/error-type.ts'
import type { Pool } from 'undici'
import type { PostOutcome } from '../batch/attempt-outcome.ts'
import type { WireBody } from '../batch/compress.ts'
import { parseRetryAfter } from '../flow-control/backoff.ts'
import { classify } from './classify.ts'
import { exchange } from './exchange.ts'
import { signedHeaders } from './signed-request.ts'

// Codes of a server that proved to be the wrong one: no amount of retrying helps, somebody has to
// look.
const TLS_CODE_PATTERN = /^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

/** What one POST carries. */
export interface Post {
  readonly batchId: string
  readonly rowCount: number
  readonly body: WireBody
  readonly traceparent: string | undefined
}

// Codes of a connection that was made and then lost over the request, as opposed to one that was
// never made.
const SUSPECT_CODES = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
])

function isSuspect(code: string): boolean {
  // HPE_: an answer that is no HTTP.
  return SUSPECT_CODES.has(code) || code.startsWith('HPE_')
}

/**
 * One attempt: signs with a fresh timestamp, posts, and says what the answer means. A failure of
 * the network is a `retry`, because HQ may have applied the batch: the same id makes the resend
 * harmless.
 *
 * @param signal cuts the attempt off; the result is then a `retry` like any other lost connection.
 */
export async function postBatch(
  pool: Pool,
  keys: readonly SigningKey[],
  post: Post,
  nowMs: number,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const headers = signedHeaders(keys, post.batchId, post.body.bytes, nowMs)
  if (post.body.contentEncoding !== undefined) {
    headers['content-encoding'] = post.body.contentEncoding
  }
  if (post.traceparent !== undefined) headers[TRACEPARENT] = post.traceparent

  let status: number | undefined
  try {
    const { text, retryAfter, ...answer } = await exchange(
      pool,
      { method: 'POST', path: BATCHES_PATH, headers, body: post.body.bytes, signal },
      (known) => {
        status = known
      },
    )
    const retryAfterMs = parseRetryAfter(retryAfter, nowMs)
    const { batchId, rowCount } = post
    return { ...classify({ ...answer, body: text, retryAfterMs }, batchId, rowCount), status }
  } catch (error) {
    const code = errorType(error)
    return TLS_CODE_PATTERN.test(code)
      ? { kind: 'halt', reason: code, status }
      : { kind: 'retry', reason: code, blame: isSuspect(code) ? 'kills' : 'hq', status }
  }
}
