import { z } from 'zod'
import { isTimestamp, isTransactionId, timestampSchema, xidSchema } from '../rows/wire-value.ts'
import { TRACEPARENT_PATTERN } from './traceparent.ts'

/** Name of a source: letters, digits, `.`, `_`, `-`; 1 to 64 of them. */
export const SOURCE_PATTERN = /^[A-Za-z0-9._-]{1,64}$/

/** `<system_identifier>.<incarnation uuid>`: which life of which source database wrote the rows. */
export const EPOCH_PATTERN = /^\d{1,20}\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const envelopeRowSchema = z.object({
  // Not z.record, which copies every row member by member: its columns are validated later, against
  // the contract.
  row: z.custom<Record<string, unknown>>(isObject, 'must be an object'),
  /** Transaction that wrote the row in the source, `xid8` as text. */
  xid: xidSchema,
  captured_at: timestampSchema,
  /**
   * W3C trace context of the writing transaction. It comes from the application and only advises,
   * so one that is malformed is dropped; it must not cost the batch (W3C Trace Context, 3.2.2.3 and
   * 4.3).
   */
  traceparent: z.string().regex(TRACEPARENT_PATTERN).optional().catch(undefined),
  /** Snapshot datasets only: the entity is gone, and this is its last state. */
  deleted: z.boolean().optional(),
})

/**
 * Body of `POST /v1/batches`: one dataset, at least one row. Unknown members are
 * ignored, so that the envelope can grow; whether a row itself is valid is decided row by row.
 */
export const envelopeSchema = z.object({
  source: z.string().regex(SOURCE_PATTERN),
  dataset: z.string().min(1).max(63),
  schema_version: z.string().min(1).max(16),
  epoch: z.string().regex(EPOCH_PATTERN).optional(),
  rows: z.array(envelopeRowSchema).min(1),
})

function isPlainRow(value: unknown): boolean {
  if (!isObject(value)) return false
  const { row, xid, captured_at, traceparent, deleted } = value as Record<string, unknown>
  return (
    isObject(row) &&
    isTransactionId(xid) &&
    isTimestamp(captured_at) &&
    (traceparent === undefined ||
      (typeof traceparent === 'string' && TRACEPARENT_PATTERN.test(traceparent))) &&
    (deleted === undefined || typeof deleted === 'boolean')
  )
}

// The rows are most of a batch, and the schema would copy each of them. So they are looked over
// first, and the schema, which knows what to say and what to drop, is asked only where that finds
// something.
const plainEnvelopeSchema = envelopeSchema.extend({
  rows: z.custom<Envelope['rows']>(
    (rows) => Array.isArray(rows) && rows.length > 0 && rows.every(isPlainRow),
  ),
})

/** Reads a parsed body as a batch: what {@link envelopeSchema} says, at a fraction of its price. */
export function parseEnvelope(body: unknown): z.ZodSafeParseResult<Envelope> {
  const plain = plainEnvelopeSchema.safeParse(body)
  return plain.success ? plain : envelopeSchema.safeParse(body)
}

/** A decoded batch. */
export type Envelope = z.infer<typeof envelopeSchema>

/** One row of a decoded batch with what came beside it. */
export type EnvelopeRow = Envelope['rows'][number]
