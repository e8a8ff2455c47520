import {
  type ChecksumSpec,
  checksumSpecs,
  type Dataset,
  type DigestRequest,
  type DigestScope,
  datasetByName,
  isDatasetName,
  UUID_PATTERN,
} from '@hq-export/contract'
import { assertServed } from '../batch/dataset-life.ts'
import { assertMayWrite } from '../batch/verify-batch.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import { Refusal } from '../refusal/refusal.ts'
import { SNAPSHOTS } from './entity-datasets.ts'

/** Values of a primary key. */
export type Key = readonly string[]

/** What is asked of HQ, by whom, and of which rows. */
export interface Question {
  readonly source: string
  readonly dataset: Dataset
  readonly spec: ChecksumSpec
  readonly epoch: string
  /** `pg_snapshot` of the source. */
  readonly snapshot: string
  readonly scope: DigestScope
  /** Only the rows of these, whatever their range and time; undefined for every row in scope. */
  readonly keys: readonly Key[] | undefined
  /** The only orgs whose rows may be answered; undefined for all. */
  readonly orgs: readonly string[] | undefined
}

/** Every spec of a dataset, those of the first algorithm first, the oldest of each first. */
export function specsOf(dataset: Dataset): ChecksumSpec[] {
  return [...checksumSpecs(dataset, 'DXC-1'), ...checksumSpecs(dataset, 'DXC-2')]
}

/**
 * The dataset that a request is about.
 * @throws {Refusal} `not_allowed` (403), `dataset_retired` (410), or `unknown_dataset` (422).
 */
export function datasetOf(
  { dataset, schema_version }: Pick<DigestRequest, 'dataset' | 'schema_version'>,
  key: IngestKey,
): Dataset {
  assertMayWrite(dataset, key)
  assertServed(dataset)
  if (!isDatasetName(dataset)) throw new Refusal('unknown_dataset')
  const found = datasetByName(dataset)
  if (found.schemaVersion !== schema_version) throw new Refusal('unknown_dataset')
  return found
}

/**
 * The values of a key of the dataset.
 * @throws {Refusal} `invalid_request` (400) for what is none.
 */
export function keyOf({ primaryKey }: Dataset, text: string): Key {
  const parts = text.split('/')
  if (parts.length === primaryKey.length && parts.every((part) => UUID_PATTERN.test(part))) {
    return parts
  }
  throw new Refusal('invalid_request', 'a key is the values of the primary key, joined by /')
}

function assertFits({ primaryKey, name }: Dataset, bound: readonly string[] | undefined): void {
  // A range of snapshots may be one of their entities.
  const isOfEntities = name === SNAPSHOTS && bound?.length === 2
  if (bound === undefined || bound.length === primaryKey.length || isOfEntities) return
  throw new Refusal('invalid_request', 'a bound of the range has as many values as the key')
}

/**
 * What a request asks under a snapshot of the source.
 * @throws {Refusal} `unknown_checksum` (422), `not_allowed` (403) for an org that the key may not
 * see, or `invalid_request` (400) for a range or a key that is none.
 */
export function questionOf(
  { source, scope, keys }: Pick<DigestRequest, 'source' | 'scope' | 'keys'>,
  asOf: NonNullable<DigestRequest['as_of']>,
  dataset: Dataset,
  { orgs }: IngestKey,
): Question {
  const spec = specsOf(dataset).find(({ id }) => id === asOf.spec)
  if (spec === undefined) throw new Refusal('unknown_checksum')
  const { org_id: org, from, before } = scope
  if (org !== undefined && orgs?.has(org.toLowerCase()) === false) {
    throw new Refusal('not_allowed', 'the key may not see this org')
  }
  assertFits(dataset, from)
  assertFits(dataset, before)
  if (from !== undefined && before !== undefined && from.length !== before.length) {
    throw new Refusal('invalid_request', 'both bounds of the range have as many values')
  }
  return {
    source,
    dataset,
    spec,
    epoch: asOf.epoch,
    snapshot: asOf.snapshot,
    scope,
    keys: keys?.map((key) => keyOf(dataset, key)),
    orgs: org !== undefined ? [org] : orgs && [...orgs],
  }
}
