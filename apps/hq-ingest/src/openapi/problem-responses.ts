import {
  BATCH_CONTENT_TYPE,
  CONTENT_ENCODINGS,
  PROBLEM_CONTENT_TYPE,
  PROBLEMS,
  type ProblemCode,
  problemType,
} from '@hq-export/contract'

const NIL_UUID = '00000000-0000-0000-0000-000000000000'

const text = { type: 'string' } as const
/** draft-ietf-httpapi-ratelimit-headers. */
export const RATE_LIMIT_HEADERS = {
  'RateLimit-Policy': {
    description: 'What the key may send; only where it has a quota',
    schema: text,
    example: '"requests";q=600;w=60, "bytes";q=268435456;w=60;qu="content-bytes"',
  },
  RateLimit: {
    description: 'What is left of it',
    schema: text,
    example: '"requests";r=412;t=19, "bytes";r=200000000;t=16',
  },
} as const

const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds, always there',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
} as const

function headersOf(status: number, codes: readonly ProblemCode[]): Record<string, unknown> {
  return {
    ...(codes.some((code) => PROBLEMS[code].reaction === 'retry') && RETRY_AFTER),
    ...(status === 405 && { Allow: { required: true, schema: text, example: 'GET, HEAD' } }),
    ...(status === 415 && {
      'Accept-Post': { schema: text, example: BATCH_CONTENT_TYPE },
      'Accept-Encoding': { schema: text, example: CONTENT_ENCODINGS.join(', ') },
    }),
    ...(status === 429 && RATE_LIMIT_HEADERS),
  }
}

function exampleOf(code: ProblemCode): { readonly value: unknown } {
  const { status, title } = PROBLEMS[code]
  const value = { type: problemType(code), title, status, code, instance: `urn:uuid:${NIL_UUID}` }
  return { value }
}

/** `responses` for these problems, one for each status. */
export function problemResponses(codes: readonly ProblemCode[]): Record<string, unknown> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      String(status),
      {
        description: ofStatus
          .map((code) => `\`${code}\` (${PROBLEMS[code].reaction}): ${PROBLEMS[code].title}`)
          .join('\n\n'),
        headers: headersOf(status, ofStatus),
        content: {
          [PROBLEM_CONTENT_TYPE]: {
            schema: { $ref: '#/components/schemas/problem' },
            examples: Object.fromEntries(ofStatus.map((code) => [code, exampleOf(code)])),
          },
        },
      },
    ]),
  )
}
