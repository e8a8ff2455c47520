import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import type { DatasetContext } from '../dataset/dataset-context.ts'
import { type Suspect, witnessOf } from '../keys/suspect.ts'

const isOfSnapshots = ({ entities }: DatasetContext): boolean => entities.size > 0

/** A key that HQ has got since the snapshot; of snapshots their entity. */
export function keyInFlight(context: DatasetContext, lookUp: string): Suspect {
  return { key: isOfSnapshots(context) ? undefined : lookUp, lookUp }
}

/** A row that the source has, and HQ has otherwise or not at all. */
export function inSource(context: DatasetContext, row: ComparedSourceRow): Suspect {
  const key = isOfSnapshots(context) ? undefined : row.key
  return { key, lookUp: row.lookUp, witness: witnessOf(row) }
}

/** A row that the source has not got, or that has come to HQ since the snapshot. */
export function onlyInHq({ key, entity, inFlight }: ComparedHqRow): Suspect {
  const suspect = { key, lookUp: entity?.lookUp ?? key, version: entity?.version }
  return inFlight ? suspect : { ...suspect, witness: witnessOf(undefined) }
}

/** Each suspect once. */
export function eachOnce(suspects: readonly Suspect[]): Suspect[] {
  const distinct = new Map(suspects.map((suspect) => [`${suspect.key} ${suspect.lookUp}`, suspect]))
  return [...distinct.values()]
}
