import {
  type BatchResult,
  batchResultSchema,
  emptyCounts,
  OUTCOMES,
  type Outcome,
  PROBLEMS,
  type ProblemCode,
  problemSchema,
} from '@hq-export/contract'
import type { AttemptOutcome, Blame } from '../batch/attempt-outcome.ts'

/** An answer as it came over the wire. */
export interface HttpResponse {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number | undefined
}

/** What a text says as JSON; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: a proxy's page, which no schema matches
  }
}

/**
 * Characters of a problem; ours have some thousand. A longer text is a page of somebody in between.
 */
const MAX_PROBLEM_CHARS = 256 * 1024

/** Code of a refusal of our own gateway; undefined for an answer of somebody in between. */
export function problemCode({
  status,
  body,
}: Pick<HttpResponse, 'status' | 'body'>): ProblemCode | undefined {
  if (body.length > MAX_PROBLEM_CHARS) return undefined
  const problem = problemSchema.safeParse(parseJson(body))
  if (!problem.success || !Object.hasOwn(PROBLEMS, problem.data.code)) return undefined
  const code = problem.data.code as ProblemCode
  return PROBLEMS[code].status === status ? code : undefined
}

/**
 * Refusals of our gateway that may be about the content of this batch and not about whoever sends
 * it.
 */
const CONTENT_CODES: ReadonlySet<ProblemCode> = new Set([
  'malformed_request',
  'invalid_envelope',
  'webhook_id_reused',
])

const BLAME: Partial<Record<ProblemCode, Exclude<Blame, 'refused'>>> = {
  internal_error: 'kills',
  body_timeout: 'slow',
  database_unavailable: 'slow',
}

/** By the code, which says more than the status. */
function classifyOwn(code: ProblemCode, { status, retryAfterMs }: HttpResponse): AttemptOutcome {
  const reason = `${status} ${code}`
  switch (PROBLEMS[code].reaction) {
    case 'retry':
      return { kind: 'retry', reason, retryAfterMs, blame: BLAME[code] ?? 'hq' }
    case 'split':
      return { kind: 'split', reason, cause: code === 'not_in_time' ? code : 'too_large' }
    case 'set_aside':
      return { kind: 'set_aside', reason }
    case 'halt':
      return CONTENT_CODES.has(code) ? { kind: 'refused', reason } : { kind: 'halt', reason }
  }
}

// A proxy that has had enough for now, or whose gateway is not there; it may also mean this one
// request.
const BUSY_STATUSES = new Set([408, 409, 425, 429, 503])

/** By the status alone: somebody between us and HQ answers with bodies of its own. */
function classifyForeign({ status, retryAfterMs }: HttpResponse): AttemptOutcome {
  const reason = `status ${status}`
  if (status === 413) return { kind: 'split', reason, cause: 'unknown' }
  if (BUSY_STATUSES.has(status)) return { kind: 'retry', reason, retryAfterMs, blame: 'slow' }
  // What a proxy says of a gateway that died over the request, or never answered it.
  if (status >= 500) return { kind: 'retry', reason, retryAfterMs, blame: 'kills' }
  return { kind: 'refused', reason }
}

/** What contradicts itself in an answer; undefined where it accounts for every row exactly once. */
function contradictionIn({ counts, rows, status }: BatchResult): string | undefined {
  const listed = emptyCounts(counts.received)
  const seen = new Set<number>()
  for (const { index, outcome, code } of rows) {
    if (index >= counts.received || seen.has(index)) return 'names a row twice, or one that is not'
    if (outcome === 'quarantined' && !code) return 'refuses a row without a reason'
    seen.add(index)
    listed[outcome]++
  }
  const decided = OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0)
  if (decided !== counts.received) return 'does not decide every row once'
  const isListed = OUTCOMES.every((outcome) =>
    UNLISTED.has(outcome) ? listed[outcome] === 0 : listed[outcome] === counts[outcome],
  )
  if (!isListed) return 'lists other rows than it counts'
  return (status === 'partial') === counts.quarantined > 0 ? undefined : 'has the wrong status'
}

/** Outcomes that are counted, and whose rows are not named. */
const UNLISTED: ReadonlySet<Outcome> = new Set(['inserted', 'updated'])

function classifyAnswer(answer: HttpResponse, batchId: string, rowCount: number): AttemptOutcome {
  const parsed = batchResultSchema.safeParse(parseJson(answer.body))
  // A page of somebody in between, perhaps.
  if (!parsed.success) return { kind: 'refused', reason: 'answer 200 is not a batch answer' }
  if (parsed.data.batch !== batchId || parsed.data.counts.received !== rowCount) {
    return { kind: 'halt', reason: 'answer 200 is about another batch' }
  }
  const contradiction = contradictionIn(parsed.data)
  return contradiction === undefined
    ? { kind: 'accepted', answer: parsed.data }
    : { kind: 'halt', reason: `answer 200 ${contradiction}` }
}

/**
 * What an answer means for the batch of this id. Our own gateway names its refusals by code;
 * whoever else answers is judged by the status. An answer that does not add up is never an ack.
 */
export function classify(answer: HttpResponse, batchId: string, rowCount: number): AttemptOutcome {
  if (answer.status === 200) return classifyAnswer(answer, batchId, rowCount)
  const code = problemCode(answer)
  return code === undefined ? classifyForeign(answer) : classifyOwn(code, answer)
}
