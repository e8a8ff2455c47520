import { DATASETS } from '@hq-export/contract'

/*
 * What a filled row is like, as SQL over its number `i`; the same row of both sides says the same.
 */

/** Source of what is filled; batches that are measured have another. */
export const FILLED_SOURCE = 'filled'
/** Key that has signed the filled batches. */
export const FILLED_KEY = 'filled'
/** What is kept of the past. */
export const PAST_DAYS = 90
/** Batches for one quarantined row: of ten million, a million are open. */
export const BATCHES_PER_REFUSED = 9
/** Open quarantined rows for one that is resolved. */
export const OPEN_PER_RESOLVED = 10

const DATASET_NAMES: readonly string[] = DATASETS.map(({ name }) => name)

/** One element of an array of texts, by an integer expression. */
function oneOf(texts: readonly string[], index: string): string {
  return `(array[${texts.map((text) => `'${text}'`).join(', ')}])[1 + (${index}) % ${texts.length}]`
}

/** Dataset of batch `i`, and its place among the contract's; refused row `i / 10` is of it. */
const DATASET_INDEX = `i / ${BATCHES_PER_REFUSED} % 7`
export const DATASET: string = oneOf(DATASET_NAMES, DATASET_INDEX)
export const DATASET_PLACE = `(1 + ${DATASET_INDEX} % ${DATASET_NAMES.length})`

/** Id of a batch as relays make them: base64url of a SHA-256. */
export function batchId(number: string): string {
  const digest = `encode(sha256(('batch ' || ${number})::bytea), 'base64')`
  return `rtrim(translate(${digest}, '+/', '-_'), '=')`
}

/** Of refused row `i`. */
export const REFUSED = {
  // A cause each: not every dataset has every code, and a code is refused in some places.
  dataset: oneOf(DATASET_NAMES, 'i % 7'),
  code: oneOf(['invalid_value', 'missing_column', 'org_not_allowed', 'version_conflict'], 'i % 13'),
  place: oneOf(['status', 'canonical_name', 'http_status'], 'i'),
  detail: 'is not what the contract says',
  org: `md5('org ' || i % 200)::uuid`,
  entity: `md5('row ' || i)::uuid`,
  batch: batchId(`i * ${BATCHES_PER_REFUSED}`),
  text: `'{"org_id":"' || md5('org ' || i % 200)::uuid || '","entity_id":"' || md5('row ' || i)::uuid ||
    '","canonical_name":"' || repeat('name ', 20) || i || '","record_version":' || i || '}'`,
  resolved: `i % ${OPEN_PER_RESOLVED + 1} = 0`,
} as const

const entities = DATASETS.filter(({ primaryKey }) => primaryKey.length > 1)

/** Primary key of refused row `i`. */
export const REFUSED_KEY = `case
  when ${REFUSED.dataset} in (${entities.map(({ name }) => `'${name}'`).join(', ')})
  then ${REFUSED.org} || '/' || ${REFUSED.entity} else ${REFUSED.entity}::text end`

/** Moment of row `i` of `$1`, from the oldest to the newest. */
export const AT = `(now() - interval '${PAST_DAYS} days' * (1 - i::float8 / $1::bigint))`
