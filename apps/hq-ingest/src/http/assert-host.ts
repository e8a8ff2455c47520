import type { IncomingMessage } from 'node:http'
import { Refusal } from '../refusal/refusal.ts'
import { headerValues } from './header-values.ts'

/**
 * HTTP/1.1 must name its host, once; HTTP/1.0, in which proxies ask for our health, need not (RFC
 * 9112, 3.2).
 * @throws {Refusal} `malformed_request` (400).
 */
export function assertHost(request: IncomingMessage): void {
  const hosts = headerValues(request, 'host').length
  if (hosts === 1 || (hosts === 0 && request.httpVersion === '1.0')) return
  throw new Refusal('malformed_request', 'host must be sent once', {
    headers: { connection: 'close' },
  })
}
