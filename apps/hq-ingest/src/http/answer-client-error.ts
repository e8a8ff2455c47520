import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { PROBLEM_CONTENT_TYPE, type ProblemCode } from '@hq-export/contract'
import type { Logger } from 'pino'
import { problemOf, Refusal } from '../refusal/refusal.ts'
import { SECURE_HEADERS } from './secure-headers.ts'

const LINGER_MS = 500

function codeOf(reason: string | undefined): ProblemCode {
  switch (reason) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'headers_too_large'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'body_timeout'
    default:
      return 'malformed_request'
  }
}

/**
 * Answers what never became a request: bytes that are no HTTP, headers that are too large or too
 * slow. Whose the next byte on this connection is cannot be known (request smuggling, RFC 9112,
 * 11.2), so it ends.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Duplex,
  log: Logger,
): void {
  // More bytes behind those that were answered.
  if (socket.writableEnded) return
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const requestId = randomUUID()
  const code = codeOf(error.code)
  const late = code === 'body_timeout' ? 'the headers did not arrive in time' : undefined
  const refusal = new Refusal(code, late)
  const problem = problemOf(refusal, { requestId })
  log.info({ code: refusal.code, reason: error.code, requestId }, 'refused')
  const body = JSON.stringify(problem)
  const headers = {
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...SECURE_HEADERS,
    ...refusal.headers,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const status = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n`
  // A moment to read the answer in, and none to hold the connection.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.end(`${status}${lines.join('')}\r\n${body}`)
}
