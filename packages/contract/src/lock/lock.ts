import { z } from 'zod'

/*
 * The lock: what every dataset version is, written down beside the descriptors, so that a change of
 * them can be held against what was. Most of it follows from the descriptors; how far a version has
 * come in its life (`status` and what belongs to it) and which names are reserved stand here alone.
 *
 * Frozen locks are read for ever: a member that is added later has a default.
 */

/** How far a dataset version has come; it never goes back. */
export const DATASET_STATUSES = ['draft', 'active', 'deprecated', 'retired'] as const

/** A day, as `2026-11-28`. */
export const daySchema = z.iso.date()

/** A release, as `0.2.0`. */
export const releaseIdSchema = z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a release like 0.2.0')

const name = z.string().regex(/^[a-z_][a-z0-9_]*$/, 'must be a name in snake_case')
const names = z.array(name)

const lockedColumnSchema = z.strictObject({
  name,
  /** From 1. */
  ordinal: z.int().min(1),
  type: z.string(),
  /** How JSON carries it: a change of it is seen by every producer and consumer. */
  wire: z.string(),
  nullable: z.boolean(),
  /** The closed set; null where the set is open. */
  values: z.array(z.string()).nullable(),
  /** Release that it came with; null where the version was frozen with it. */
  since: releaseIdSchema.nullable(),
  deprecated: releaseIdSchema.nullable(),
  personal: z.boolean(),
  description: z.string(),
})
export type LockedColumn = z.infer<typeof lockedColumnSchema>

const deprecationSchema = z.strictObject({
  release: releaseIdSchema,
  date: daySchema,
  /** Dataset versions that consumers move to. */
  successors: names,
  /** It is served until this day at least. */
  sunset: daySchema,
})
export type Deprecation = z.infer<typeof deprecationSchema>

const lastReadSchema = z.strictObject({
  /** When somebody looked. */
  looked_on: daySchema,
  /** No read since then was missed. */
  watched_since: daySchema,
  /** The last read that was seen; null where none was. */
  read_on: daySchema.nullable(),
})
export type LastRead = z.infer<typeof lastReadSchema>

const qualityRuleSchema = z.strictObject({
  check: z.string(),
  /** Columns that it looks at; alternatives, where it asks for one of several. */
  on: z.array(names),
  /** How much of what it looks for is tolerated; null where it has no such bound. */
  at_most_percent: z.number().nullable(),
})
export type QualityRule = z.infer<typeof qualityRuleSchema>

const lockedDatasetSchema = z.strictObject({
  status: z.enum(DATASET_STATUSES),
  frozen_in: releaseIdSchema.nullable(),
  deprecation: deprecationSchema.nullable(),
  retired_on: daySchema.nullable(),
  /** What HQ said of its readers when it was retired. */
  last_read: lastReadSchema.nullable().default(null),
  number: z.int().min(1),
  schema_version: z.string(),
  description: z.string(),
  semantics: z.string(),
  primary_key: names,
  uniqueness_guard: names.nullable(),
  /** What it has of the version before, by name here and there; null where there is none. */
  follows: z
    .strictObject({ dataset: name, renamed: z.record(name, name) })
    .nullable()
    .default(null),
  /** Columns with the primary key of a row of another dataset. */
  links: z.array(z.strictObject({ columns: names, to: name })).default([]),
  version_column: name.nullable(),
  time_column: name,
  columns: z.array(lockedColumnSchema),
  /** Names that had another life: in this version, or in an earlier one of the same dataset. */
  reserved: z.array(z.strictObject({ name, type: z.string(), last_in: name })),
  checksums: z.array(z.strictObject({ algorithm: z.string(), id: z.string(), columns: names })),
  sla: z.strictObject({
    micro_batch_minutes: z.tuple([z.int(), z.int()]),
    reconciliation: z.string(),
  }),
  quality: z.array(qualityRuleSchema),
  /** Of everything else in here. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type LockedDataset = z.infer<typeof lockedDatasetSchema>

/** `contract.lock.json` and every file of `locks/`. */
export const lockSchema = z.strictObject({
  lock_version: z.literal(1),
  datasets: z.record(name, lockedDatasetSchema),
})
export type Lock = z.infer<typeof lockSchema>
