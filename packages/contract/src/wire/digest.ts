import { z } from 'zod'
import { CHECKSUM_ALGORITHMS, CHECKSUM_BUCKETS } from '../checksum/checksum-spec.ts'
import { int8Schema, timestampSchema, uuidSchema } from '../rows/wire-value.ts'
import { EPOCH_PATTERN, SOURCE_PATTERN } from './envelope.ts'
import { LIMITS } from './limits.ts'

/*
 * What the source asks HQ in order to compare: checksums of what HQ holds, as of a snapshot of the
 * source. Rows that the source wrote later are told apart by their transaction, so nothing has to
 * stand still.
 */

/** A sum of 64-bit hashes, not reduced: as PostgreSQL adds them. */
const sumSchema = z.string().regex(/^-?\d{1,40}$/, 'must be an integer in a string')
/** A number of rows or keys. */
export const countSchema = z.int().min(0)
/**
 * Values of a primary key, joined by `/`. A kind of entities is part of some, and in HQ by mistake
 * any text: but none that PostgreSQL has no room for, with which no run could be recorded.
 */
const keySchema = z
  .string()
  .min(1)
  .max(256)
  .refine((key) => key.isWellFormed() && !key.includes('\0'), 'must be a text of PostgreSQL')

const XID_MAX = 2n ** 64n - 1n

/** Whether PostgreSQL reads it: `xmin <= xip < xip < xmax`, or without any `xmin <= xmax`. */
function isSnapshot(text: string): boolean {
  const [xmin = 0n, xmax = 0n, ...open] = text.split(/[:,]/).filter(Boolean).map(BigInt)
  const rising = [...open, xmax]
  return (
    xmin > 0n &&
    xmax <= XID_MAX &&
    rising.every((xid, place) => (place === 0 ? xid >= xmin : xid > (rising[place - 1] ?? xid)))
  )
}

/** A `pg_snapshot` as text, `xmin:xmax:xip,...`, as PostgreSQL prints it. */
const snapshotSchema = z
  .string()
  .max(256 * 1024)
  .regex(/^\d{1,20}:\d{1,20}:(?:\d{1,20}(?:,\d{1,20})*)?$/, {
    error: 'must be a snapshot',
    abort: true,
  })
  .refine(isSnapshot, 'must be a snapshot')

/** Which rows of a dataset are compared; bounds are half-open. */
export const digestScopeSchema = z.object({
  org_id: uuidSchema.optional(),
  /** Inclusive lower bound of the dataset's time column. */
  since: timestampSchema.optional(),
  /** Exclusive upper bound of the dataset's time column. */
  until: timestampSchema.optional(),
  /**
   * The first key of the range, as values of the primary key; of snapshots also `org_id` and
   * `entity_id`, for a range of entities.
   */
  from: z.array(uuidSchema).min(1).max(4).optional(),
  /** The first key behind the range. */
  before: z.array(uuidSchema).min(1).max(4).optional(),
  /** One row in so many, by the hash of its key. */
  sample: z.int().min(2).max(1_000_000).optional(),
})
export type DigestScope = z.infer<typeof digestScopeSchema>

const asOfSchema = z.object({
  /** Id of the checksum spec. */
  spec: z.string().regex(/^[0-9a-f]{16}$/, 'must be the id of a checksum spec'),
  /** Life of the source in which `snapshot` was taken. */
  epoch: z.string().regex(EPOCH_PATTERN),
  /** Snapshot of the source: what it does not show is not compared. */
  snapshot: snapshotSchema,
})

const whoSchema = z.object({
  source: z.string().regex(SOURCE_PATTERN),
  dataset: z.string().min(1).max(63),
  schema_version: z.string().min(1).max(16),
})

const keysSchema = z.array(keySchema).min(1).max(LIMITS.maxDigestKeys)

/**
 * Body of `POST /v1/digests`. Without `as_of` nothing is read: the answer says what could be
 * compared.
 */
export const digestRequestSchema = whoSchema.extend({
  as_of: asOfSchema.optional(),
  scope: digestScopeSchema.default({}),
  /** Only the rows of these keys, whatever their range and time. */
  keys: keysSchema.optional(),
})
export type DigestRequest = z.infer<typeof digestRequestSchema>

/** Rows, and the sum of their hashes, of one bucket. */
const bucketSchema = z.tuple([
  z
    .int()
    .min(0)
    .max(CHECKSUM_BUCKETS - 1),
  countSchema,
  sumSchema,
])

/** What one scan of a side yields; the same of both, so every number can be compared. */
const digestSchema = z.object({
  /** Buckets that have rows. */
  buckets: z.array(bucketSchema).max(CHECKSUM_BUCKETS),
  rows: countSchema,
  /** Rows without a value, by critical field of the dataset. */
  nulls: z.record(z.string(), countSchema),
  /** Rows by `status`, in datasets that have one. */
  statuses: z.record(z.string(), countSchema),
  /** Of the dataset's time column; null where there are no rows. */
  min_time: timestampSchema.nullable(),
  max_time: timestampSchema.nullable(),
})
export type Digest = z.infer<typeof digestSchema>

/** A row at the leaf of a comparison: no value of it, only hashes. */
const digestRowSchema = z.object({
  key: keySchema,
  /** Exported version; null in append-only datasets. */
  version: int8Schema.nullable(),
  /** Of snapshots: `<org_id>/<entity_type>/<entity_id>/<record_version>`. */
  entity: keySchema.optional(),
  hash: int8Schema,
  /** Hash of each column in the order of the spec; only where rows are asked for by key. */
  columns: z.array(int8Schema).optional(),
  /** Written by a transaction that the snapshot does not show: not to be compared. */
  in_flight: z.boolean(),
  /** The entity is gone, and this is its last state. */
  deleted: z.boolean(),
})
export type DigestRow = z.infer<typeof digestRowSchema>

/** Body of the answer of `POST /v1/digests`. */
export const digestAnswerSchema = z.object({
  /** Specs that HQ can compute, the oldest first. */
  specs: z.array(z.object({ id: z.string(), algorithm: z.enum(CHECKSUM_ALGORITHMS) })),
  /** Hash of the canary by algorithm. */
  canaries: z.record(z.enum(CHECKSUM_ALGORITHMS), int8Schema),
  /** Columns whose type in HQ is not the contract's: nothing can be compared. */
  wrong_types: z.array(z.string()),
  /** Orgs that the key may see, where it is limited; only these are in the answer. */
  orgs: z.array(uuidSchema).nullable(),
  /** The program that answers. */
  version: z.string().max(64).optional(),
  /** Absent where the request had no `as_of`. */
  result: z
    .object({
      digest: digestSchema,
      /** `pg_snapshot` of HQ under which it was read: evidence, and nothing else. */
      snapshot: z.string().optional(),
      /** Rows that are not compared because the snapshot does not show who wrote them. */
      in_flight: countSchema,
      /**
       * Their keys, to be taken out of the source's side; of snapshots the entities',
       * `<org_id>/<entity_type>/<entity_id>`. Null where they are too many: compare by rows then.
       */
      in_flight_keys: z.array(keySchema).max(LIMITS.maxInFlightKeys).nullable(),
      /** Entities that are kept as deleted. */
      deleted: countSchema,
      /**
       * Snapshots of versions that their entity has not reached in HQ, or whose id does not follow
       * from them: suspects. The first of them.
       */
      strays: z.array(digestRowSchema).max(LIMITS.maxDigestKeys),
    })
    .optional(),
})
export type DigestAnswer = z.infer<typeof digestAnswerSchema>

/** Body of `POST /v1/digests/rows`: rows of some buckets, page by page, or those of some keys. */
export const digestRowsRequestSchema = whoSchema.extend({ as_of: asOfSchema }).and(
  z.union([
    z.object({
      scope: digestScopeSchema.default({}),
      buckets: z
        .array(
          z
            .int()
            .min(0)
            .max(CHECKSUM_BUCKETS - 1),
        )
        .min(1)
        .max(CHECKSUM_BUCKETS),
      /** Key of the last row of the page before. */
      after: keySchema.optional(),
    }),
    z.object({
      keys: keysSchema,
      /** False: without a hash of each column, which says what differs and is most of the answer. */
      columns: z.boolean().optional(),
    }),
  ]),
)
export type DigestRowsRequest = z.infer<typeof digestRowsRequestSchema>

/** Body of its answer. Rows come in the order of their key. */
export const digestRowsAnswerSchema = z.object({
  rows: z.array(digestRowSchema),
  /** Keys asked for that HQ has not got, and that have an open entry in quarantine: its code. */
  refused: z.array(z.object({ key: keySchema, code: z.string().regex(/^\w{1,100}$/) })),
  /** Keys asked for that HQ has as rows of another source. */
  foreign: z.array(keySchema).default([]),
  /** `after` of the next page; null where nothing is left. */
  next: keySchema.nullable(),
})
export type DigestRowsAnswer = z.infer<typeof digestRowsAnswerSchema>
