/**
 * On every answer: nothing here is to be kept, framed, run, sniffed or referred to. TLS, and so
 * HSTS, is the proxy's.
 */
export const SECURE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const
