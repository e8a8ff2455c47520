import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { SECURITY_HEADERS } from './security-headers.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often connections are looked through for those that took longer. */
const CHECK_MS = 2_000
const MAX_CONNECTIONS = 200

/** A server for an application, that nobody keeps by sending or reading slowly. */
export function createHttpServer(app: {
  readonly fetch: (request: Request) => Response | Promise<Response>
}): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      hostname: 'localhost',
      // Of what is no request at all, such as a Host that is no name.
      errorHandler: () => new Response(null, { status: 400, headers: SECURITY_HEADERS }),
    }),
  )
  server.maxConnections = MAX_CONNECTIONS
  // Of a connection on which nothing moves: somebody asks and does not read.
  server.timeout = REQUEST_TIMEOUT_MS
  return server
}
