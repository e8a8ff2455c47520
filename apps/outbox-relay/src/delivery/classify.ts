import {
  type BatchAnswer,
  batchAnswerSchema,
  PROBLEMS,
  type ProblemCode,
  problemSchema,
} from '@hq-export/contract'

/** What an attempt means for its batch. */
export type AttemptOutcome =
  /** HQ has decided every row. */
  | { readonly kind: 'accepted'; readonly answer: BatchAnswer }
  /** Nothing was decided, or we do not know: the same batch again. */
  | {
      readonly kind: 'retry'
      readonly reason: string
      readonly retryAfterMs?: number | undefined
      /**
       * The batch itself may be why: the request was taken and came to no good end (reset, time-out, 500). Never for an HQ that
       * said no, or was not there: an outage must not turn good rows into dead letters.
       */
      readonly isSuspect: boolean
    }
  /** HQ does not take this much at once. */
  | { readonly kind: 'split'; readonly reason: string }
  /** Our fault or the operator's, not a row's: nothing is dead-lettered, delivery pauses. */
  | { readonly kind: 'halt'; readonly reason: string }

/** An answer as it came over the wire. */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number | undefined
}

// 502 and 504: what a proxy says of a gateway that died over the request, or never answered it.
const SUSPECT_STATUSES = new Set([500, 502, 504])

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: a proxy's page, which no schema matches
  }
}

/** Characters of a problem; ours have some thousand. A longer text is a page of somebody in between. */
const MAX_PROBLEM_CHARS = 256 * 1024

function problemCode(body: string): ProblemCode | undefined {
  if (body.length > MAX_PROBLEM_CHARS) return undefined
  const problem = problemSchema.safeParse(parseJson(body))
  if (!problem.success || !Object.hasOwn(PROBLEMS, problem.data.code)) return undefined
  return problem.data.code as ProblemCode
}

function reactionToStatus(status: number): 'retry' | 'split' | 'halt' {
  if (status === 413) return 'split'
  if (status === 408 || status === 409 || status === 429 || status >= 500) return 'retry'
  return 'halt'
}

/**
 * Decides by the status alone (design 5): a proxy between us and HQ answers with its own bodies, and must get the same
 * reaction. The problem's code only names the reason.
 */
export function classify(answer: HttpAnswer, batchId: string, rowCount: number): AttemptOutcome {
  if (answer.status === 200) {
    const parsed = batchAnswerSchema.safeParse(parseJson(answer.body))
    if (!parsed.success) return { kind: 'halt', reason: 'answer 200 is not a batch answer' }
    if (parsed.data.batch !== batchId || parsed.data.counts.received !== rowCount) {
      return { kind: 'halt', reason: 'answer 200 is about another batch' }
    }
    return { kind: 'accepted', answer: parsed.data }
  }
  const code = problemCode(answer.body)
  const reason = code === undefined ? `status ${answer.status}` : `${answer.status} ${code}`
  switch (reactionToStatus(answer.status)) {
    case 'retry':
      return {
        kind: 'retry',
        reason,
        retryAfterMs: answer.retryAfterMs,
        isSuspect: SUSPECT_STATUSES.has(answer.status),
      }
    case 'split':
      return { kind: 'split', reason }
    case 'halt':
      return { kind: 'halt', reason }
  }
}
