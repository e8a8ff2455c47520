import { z } from 'zod'
import { PROBLEMS_PATH } from './headers.ts'

/**
 * Every refusal of a whole request: code, status, and what the producer does about it. Gateway and
 * relay read the same table, so they cannot disagree.
 *
 * `retry`: the same batch again, later. `split`: the batch in halves; a row that is alone is too
 * large (`too_large`), or goes again later (`not_in_time`). `halt`: the fault is the producer's or
 * the operator's, not the row's, so nothing is dead-lettered and delivery pauses. `set_aside`: HQ
 * takes no row of this dataset any more; the producer keeps them and goes on with others.
 */
export const PROBLEMS = {
  malformed_request: {
    status: 400,
    reaction: 'halt',
    title: 'The request is not HTTP as we read it',
  },
  invalid_webhook_id: { status: 400, reaction: 'halt', title: 'webhook-id missing or malformed' },
  invalid_envelope: { status: 400, reaction: 'halt', title: 'The body is not a batch' },
  invalid_request: {
    status: 400,
    reaction: 'halt',
    title: 'The body is not what this path takes',
  },
  unauthorized: { status: 401, reaction: 'halt', title: 'The signature was not accepted' },
  not_allowed: { status: 403, reaction: 'halt', title: 'The key may not write this dataset' },
  not_found: { status: 404, reaction: 'halt', title: 'Nothing at this path' },
  method_not_allowed: { status: 405, reaction: 'halt', title: 'Method not allowed' },
  body_timeout: { status: 408, reaction: 'retry', title: 'The body did not arrive in time' },
  in_flight: { status: 409, reaction: 'retry', title: 'This batch is being applied' },
  dataset_retired: {
    status: 410,
    reaction: 'set_aside',
    title: 'This dataset version is retired',
  },
  too_large: { status: 413, reaction: 'split', title: 'The batch is too large' },
  unsupported_media_type: { status: 415, reaction: 'halt', title: 'Unsupported media type' },
  unsupported_encoding: { status: 415, reaction: 'halt', title: 'Unsupported content-encoding' },
  webhook_id_reused: { status: 422, reaction: 'halt', title: 'webhook-id used for other content' },
  unknown_dataset: { status: 422, reaction: 'halt', title: 'Unknown dataset or schema version' },
  unknown_checksum: { status: 422, reaction: 'halt', title: 'Unknown checksum spec' },
  rows_refused: { status: 422, reaction: 'halt', title: 'A row was refused, so all are' },
  quota_exceeded: { status: 429, reaction: 'retry', title: 'Quota exceeded' },
  headers_too_large: { status: 431, reaction: 'halt', title: 'The headers are too large' },
  internal_error: { status: 500, reaction: 'retry', title: 'Internal error' },
  at_capacity: { status: 503, reaction: 'retry', title: 'The gateway is at its capacity' },
  draining: { status: 503, reaction: 'retry', title: 'The gateway is shutting down' },
  not_in_time: { status: 503, reaction: 'split', title: 'HQ could not write the batch in time' },
  not_read_in_time: { status: 503, reaction: 'split', title: 'HQ could not read the rows in time' },
  table_locked: { status: 503, reaction: 'retry', title: 'A table of HQ is locked' },
  database_unavailable: { status: 503, reaction: 'retry', title: 'HQ cannot be written' },
} as const satisfies Record<
  string,
  { status: number; reaction: 'retry' | 'split' | 'halt' | 'set_aside'; title: string }
>
export type ProblemCode = keyof typeof PROBLEMS

/** A refused row of a batch that was to be taken whole or not at all. */
const problemErrorSchema = z.object({
  pointer: z.string(),
  code: z.string(),
  detail: z.string(),
})

/** RFC 9457 problem details as the gateway sends them; `code` is a {@link ProblemCode}. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  /** `urn:uuid:` of this one refusal, which the gateway's log names too. */
  instance: z.string().optional(),
  /** Trace in which the request was refused, where one is known. */
  'trace-id': z.string().optional(),
  /** `rows_refused`: the first of the rows at fault. */
  errors: z.array(problemErrorSchema).optional(),
  /** `quota_exceeded`: the policies of `RateLimit-Policy` that were exceeded. */
  'violated-policies': z.array(z.string()).optional(),
})
export type Problem = z.infer<typeof problemSchema>

/** `type` of a problem: a reference that resolves at the gateway. */
export function problemType(code: ProblemCode): string {
  return `${PROBLEMS_PATH}/${code}`
}
