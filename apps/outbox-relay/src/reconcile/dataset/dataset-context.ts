import type { ChecksumSpec, Dataset, DigestScope, digestRequestSchema } from '@hq-export/contract'
import type pg from 'pg'
import type { z } from 'zod'
import type { Snapshot } from '../../outbox/tick.ts'
import type { HqClient } from '../hq/hq-client.ts'
import type { SourceRelation } from '../source/source-relation.ts'

/** The sessions of a reconciliation, and whom it asks. */
export interface Sides {
  /** Snapshots and scans; nothing else runs here meanwhile. */
  readonly scan: pg.Client
  /** Sees what is committed meanwhile: acks, letters; and writes what we record. */
  readonly side: pg.Client
  readonly hq: HqClient
  /** Life of the source in which the reconciliation began. */
  readonly epoch: string
  readonly stopping: AbortSignal
  /** For how long the relay is waited for. */
  readonly patienceMs: number
}

/** What comparing one dataset needs; what both sides have agreed on is part of it. */
export interface DatasetContext extends Sides {
  readonly dataset: Dataset
  readonly relation: SourceRelation
  readonly spec: ChecksumSpec
  /** The gateway's program; null where it does not say. */
  readonly hqVersion: string | null
  /** Of the snapshots: the entity dataset of each `entity_type`; empty for any other. */
  readonly entities: ReadonlyMap<string, Dataset>
  /** Orgs that are compared; all where it is null. */
  readonly orgs: readonly string[] | null
  /** True where the key that signs sees only some orgs. */
  readonly isLimited: boolean
}

/** Members of every request about rows of a dataset under a snapshot. */
export function requestOf(
  { hq, dataset, spec, epoch }: DatasetContext,
  snapshot: Snapshot,
): Pick<z.infer<typeof digestRequestSchema>, 'source' | 'dataset' | 'schema_version'> & {
  readonly as_of: { spec: string; epoch: string; snapshot: string }
} {
  return {
    source: hq.source,
    dataset: dataset.name,
    schema_version: dataset.schemaVersion,
    as_of: { spec: spec.id, epoch, snapshot },
  }
}

/** True where a run compares whole ranges, so that it may be recorded of them. */
export function isWhole({ org_id, since, until, sample }: DigestScope): boolean {
  return [org_id, since, until, sample].every((limit) => limit === undefined)
}

/** A range of a scope, as HQ is asked for it. */
export function scopeOf(
  scope: DigestScope,
  {
    from,
    before,
  }: { from?: readonly string[] | undefined; before?: readonly string[] | undefined },
): DigestScope {
  return {
    ...scope,
    ...(from === undefined ? {} : { from: [...from] }),
    ...(before === undefined ? {} : { before: [...before] }),
  }
}
