import { hash } from 'node:crypto'
import type { Column, Dataset } from '../datasets/dataset.ts'

/**
 * How rows are hashed. `DXC-1`: PostgreSQL's own hashes of values, which both servers compute alike
 * if their canaries agree. `DXC-2`: SHA-256 of a canonical JSON array, the same on every server.
 */
export const CHECKSUM_ALGORITHMS = ['DXC-1', 'DXC-2'] as const
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

/** Buckets that the rows of a range fall into, by the hash of their key. */
export const CHECKSUM_BUCKETS = 1024

/** Which columns of a dataset are hashed, in which order, and how. */
export interface ChecksumSpec {
  /**
   * First 16 hexadecimal digits of the SHA-256 of
   * `<algorithm>|<dataset>|<schema version>|<column>:<type>,...`: two programs that know the same
   * id hash the same columns in the same order.
   */
  readonly id: string
  readonly algorithm: ChecksumAlgorithm
  /** Columns of the primary key, in its order: the first of `columns`. */
  readonly key: readonly Column[]
  /** Key, version, then all others in the contract's order; additive ones last. */
  readonly columns: readonly Column[]
}

function idOf(algorithm: ChecksumAlgorithm, dataset: Dataset, columns: readonly Column[]): string {
  const list = columns.map(({ name, type }) => `${name}:${type}`).join(',')
  const text = `${algorithm}|${dataset.name}|${dataset.schemaVersion}|${list}`
  return hash('sha256', text).slice(0, 16)
}

/**
 * The specs of a dataset that this build can compute, the oldest first: one without any additive
 * column, then one more for each of them. Both sides compare by the newest that both know, so a
 * column that only one of them has is not compared yet.
 */
export function checksumSpecs(dataset: Dataset, algorithm: ChecksumAlgorithm): ChecksumSpec[] {
  const { primaryKey, versionColumn } = dataset
  const first = [...primaryKey, ...(versionColumn === undefined ? [] : [versionColumn])]
  const rank = ({ name, additive }: Column): number => {
    const place = first.indexOf(name)
    if (place >= 0) return place
    return additive === true ? first.length + 1 : first.length
  }
  const columns = dataset.columns.toSorted((a, b) => rank(a) - rank(b))
  const frozen = columns.filter(({ additive }) => additive !== true).length
  return Array.from({ length: columns.length - frozen + 1 }, (_, added) => {
    const hashed = columns.slice(0, frozen + added)
    const key = hashed.slice(0, primaryKey.length)
    return { id: idOf(algorithm, dataset, hashed), algorithm, key, columns: hashed }
  })
}
