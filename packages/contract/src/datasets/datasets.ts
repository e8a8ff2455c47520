import { companyEntities } from './company-entities.ts'
import type { Column, Dataset } from './dataset.ts'
import { entitySnapshots } from './entity-snapshots.ts'
import { operationEvents } from './operation-events.ts'
import { operationRuns } from './operation-runs.ts'
import { personEntities } from './person-entities.ts'

/** The five datasets of export contract v1, in the contract's order. */
export const DATASETS = [
  operationRuns,
  operationEvents,
  companyEntities,
  personEntities,
  entitySnapshots,
] as const satisfies readonly Dataset[]

/** Name of a dataset under contract. */
export type DatasetName = (typeof DATASETS)[number]['name']

/** Version of the contract; of a reconciliation, which may be of datasets of several versions. */
export const SCHEMA_VERSION = 'v1'

/** Reserved dataset outside the contract: a row that only measures the way. */
export const HEARTBEAT_DATASET = 'dx_heartbeat_v1'

/** What the way itself needs to know of a dataset: all that the heartbeat has, too. */
export type WireDataset = Pick<
  Dataset,
  'name' | 'number' | 'schemaVersion' | 'primaryKey' | 'versionColumn'
>

const HEARTBEAT: WireDataset = {
  name: HEARTBEAT_DATASET,
  number: 0,
  schemaVersion: 'v1',
  primaryKey: [],
}

const byName = new Map<string, Dataset>(DATASETS.map((dataset) => [dataset.name, dataset]))
const byNumber = new Map<number, Dataset>(DATASETS.map((dataset) => [dataset.number, dataset]))

/** True for the name of a dataset under contract; the heartbeat is not one. */
export function isDatasetName(name: string): name is DatasetName {
  return byName.has(name)
}

/** The descriptor of a dataset; throws for a name that the contract does not have. */
export function datasetByName(name: string): Dataset {
  const dataset = byName.get(name)
  if (dataset === undefined) throw new RangeError(`no dataset named ${name} in the contract`)
  return dataset
}

/** The descriptor for a dataset number of the outbox; throws for a number that is not in use. */
export function datasetByNumber(number: number): Dataset {
  const dataset = byNumber.get(number)
  if (dataset === undefined) throw new RangeError(`no dataset numbered ${number} in the contract`)
  return dataset
}

/** Like {@link datasetByNumber}, and the heartbeat for 0. */
export function wireDataset(number: number): WireDataset {
  return number === HEARTBEAT.number ? HEARTBEAT : datasetByNumber(number)
}

/** Version of what batches of this name are of, the heartbeat included. */
export function schemaVersionOf(name: string): Dataset['schemaVersion'] {
  return name === HEARTBEAT.name ? HEARTBEAT.schemaVersion : datasetByName(name).schemaVersion
}

/** A column of a dataset; throws for a name that the dataset does not have. */
export function columnOf(dataset: Dataset, name: string): Column {
  const column = dataset.columns.find((candidate) => candidate.name === name)
  if (column === undefined) throw new RangeError(`${dataset.name} has no column ${name}`)
  return column
}
