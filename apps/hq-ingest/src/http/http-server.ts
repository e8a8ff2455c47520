import { createServer, type RequestListener, type Server } from 'node:http'
import type { Logger } from 'pino'
import type { Connections } from '../admission/connections.ts'
import type { GatewayLimits } from '../admission/gateway-limits.ts'
import { answerClientError } from './answer-client-error.ts'

/** Above the body's own limit, which answers with a problem; this one only cuts. */
const REQUEST_TIMEOUT_MARGIN_MS = 30_000
/**
 * Above the keep-alive of common clients and proxies, so that they close an idle connection before
 * we do.
 */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const CONNECTION_CHECK_MS = 1_000

/** The HTTP/1.1 server with its limits; not listening yet. */
export function createHttpServer(
  listener: RequestListener,
  limits: GatewayLimits,
  connections: Connections,
  log: Logger,
): Server {
  const { headersTimeoutMs, bodyTimeoutMs } = limits
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: headersTimeoutMs + bodyTimeoutMs + REQUEST_TIMEOUT_MARGIN_MS,
      // Ours answers with a problem.
      requireHostHeader: false,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(CONNECTION_CHECK_MS, headersTimeoutMs),
    },
    listener,
  )
  connections.watch(server)
  // Without a listener Node asks for the body at once; ours asks when the headers are found good
  // (RFC 9110, 10.1.1).
  server.on('checkContinue', listener)
  // Other expectations may be ignored.
  server.on('checkExpectation', listener)
  server.on('clientError', (error, socket) => answerClientError(error, socket, log))
  return server
}
