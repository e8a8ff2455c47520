import { PROBLEMS, type Problem, type ProblemCode, problemType } from '@hq-export/contract'

const DEFAULT_RETRY_AFTER_SECONDS = 1

/** Members of a problem beyond what its code says (RFC 9457, 3.2). */
export type ProblemMembers = Partial<Pick<Problem, 'errors' | 'violated-policies'>>

export interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly members?: ProblemMembers
  readonly cause?: unknown
}

/** The whole request is refused: nothing of it was written. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ProblemCode
  /** For the caller; never a value of a row, never a text of the database. */
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly members: ProblemMembers

  constructor(code: ProblemCode, detail?: string, options: RefusalOptions = {}) {
    super(detail ?? PROBLEMS[code].title, { cause: options.cause })
    this.code = code
    this.detail = detail
    this.members = options.members ?? {}
    this.headers = {
      ...((PROBLEMS[code].reaction === 'retry' || PROBLEMS[code].status === 503) && {
        'retry-after': String(DEFAULT_RETRY_AFTER_SECONDS),
      }),
      ...options.headers,
    }
  }
}

/** What tells one refusal from another of its code. */
export interface Occurrence {
  /** Names this one refusal, here and in the log. */
  readonly requestId: string
  readonly traceId?: string | undefined
}

/** The problem details of a refusal (RFC 9457). */
export function problemOf(refusal: Refusal, { requestId, traceId }: Occurrence): Problem {
  const { code, detail, members } = refusal
  const { status, title } = PROBLEMS[code]
  return {
    type: problemType(code),
    title,
    status,
    code,
    ...(detail !== undefined && { detail }),
    instance: `urn:uuid:${requestId}`,
    ...(traceId !== undefined && { 'trace-id': traceId }),
    ...members,
  }
}
