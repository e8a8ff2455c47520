import { type Column, type Dataset, TYPE_NAMES } from './dataset.ts'

/** A column of one version, and the one of another that holds the same. */
export interface Projected {
  readonly from: Column
  readonly to: Column
}

function pairsOf(earlier: Dataset, later: Dataset): Projected[] {
  const renamed = later.follows?.renamed ?? {}
  return later.columns.flatMap((to) => {
    const name = renamed[to.name] ?? to.name
    const from = earlier.columns.find((column) => column.name === name)
    // The one says of itself which version it is.
    if (from === undefined || to.name === 'export_schema_version') return []
    if (from.type !== to.type && !(from.type === 'int4' && to.type === 'int8')) {
      throw new RangeError(`${later.name}.${to.name} is no wider ${earlier.name}.${name}`)
    }
    return [{ from, to }]
  })
}

/**
 * What a row of one version is as a row of another, of which one follows the other, in either
 * direction. Of a version that was split each part has its own columns only.
 * @throws {RangeError} where neither follows the other, or a type has changed into another than a
 * wider one.
 */
export function projectionOf(from: Dataset, to: Dataset): Projected[] {
  if (to.follows?.dataset === from.name) return pairsOf(from, to)
  if (from.follows?.dataset === to.name) {
    return pairsOf(to, from).map(({ from: there, to: here }) => ({ from: here, to: there }))
  }
  throw new RangeError(`neither of ${from.name} and ${to.name} follows the other`)
}

/**
 * One value of a projection in SQL, of a row that `alias` names. PostgreSQL raises 22003 where the
 * narrower type has no such value: then there is no such row of the other version.
 */
export function projectSql({ from, to }: Projected, alias: string): string {
  const value = `${alias}.${from.name}`
  return from.type === to.type ? value : `${value}::${TYPE_NAMES[to.type]}`
}
