import { PROBLEMS, type Problem, type ProblemCode, problemType } from '@hq-export/contract'

const DEFAULT_RETRY_AFTER_SECONDS = 1

/** The whole request is refused (design 5): nothing of it was written. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ProblemCode
  /** For the caller; never a value of a row, never a text of the database. */
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    detail?: string,
    options: { headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(detail ?? PROBLEMS[code].title, { cause: options.cause })
    this.code = code
    this.detail = detail
    this.headers = {
      ...(PROBLEMS[code].reaction === 'retry' && {
        'retry-after': String(DEFAULT_RETRY_AFTER_SECONDS),
      }),
      ...options.headers,
    }
  }
}

/** The problem details of a refusal (RFC 9457). */
export function problemOf(refusal: Refusal): Problem {
  const { code, detail } = refusal
  const { status, title } = PROBLEMS[code]
  return { type: problemType(code), title, status, code, ...(detail !== undefined && { detail }) }
}
