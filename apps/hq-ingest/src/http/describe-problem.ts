import { PROBLEMS, type ProblemCode, problemType } from '@hq-export/contract'

const REACTIONS = {
  retry: 'Send the same batch again, under the same webhook-id, not before Retry-After.',
  split: 'Send the rows in smaller batches. A single row that is still too large cannot be sent.',
  halt: 'Send nothing until somebody has mended the request or its key; no row is at fault.',
  set_aside:
    'Keep the rows and send no more of this dataset version; what took its place is in the contract.',
} as const

/** What a problem means, for whoever follows its `type` (RFC 9457, 3.1.1). */
export function describeProblem(code: ProblemCode) {
  const { status, title, reaction } = PROBLEMS[code]
  return { type: problemType(code), code, status, title, reaction, advice: REACTIONS[reaction] }
}
