import type { IncomingMessage } from 'node:http'

/**
 * True where the caller holds its body back until it is asked for it; in HTTP/1.0 that has no
 * meaning (RFC 9110, 10.1.1).
 */
export function expectsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' && headers.expect?.toLowerCase() === '100-continue'
}
