import { type Dataset, projectionOf, projectSql } from '@hq-export/contract'
import type pg from 'pg'

/** What two versions of a dataset say of the same things. */
export interface VersionComparison {
  readonly earlier: string
  readonly later: string
  /** Rows that both have. */
  readonly rows: number
  readonly onlyEarlier: number
  readonly onlyLater: number
  /** Rows that both have, and that do not say the same. */
  readonly different: number
  /** How many rows differ in a column, by its name in the later version; those that differ only. */
  readonly columns: Readonly<Record<string, number>>
}

/*
 * One snapshot for both tables. Each version has bases of its own for the number of a state (what
 * was deleted and created again), so that number is not compared.
 *
 * Locks: ACCESS SHARE on both tables.
 */
function compareSql(earlier: Dataset, later: Dataset): { sql: string; compared: string[] } {
  const pairs = projectionOf(earlier, later)
  const isKey = (name: string) => later.primaryKey.includes(name)
  const keys = pairs.filter(({ to }) => isKey(to.name))
  if (keys.length !== later.primaryKey.length) {
    throw new RangeError(`${later.name} has another key than ${earlier.name}`)
  }
  const compared = pairs.filter(({ to }) => !isKey(to.name) && to.name !== later.versionColumn)
  const [key = ''] = later.primaryKey
  const [earlierKey = ''] = keys.filter(({ to }) => to.name === key).map(({ from }) => from.name)
  const differs = compared.map(
    (pair) => `(${projectSql(pair, 'a')}) is distinct from b.${pair.to.name}`,
  )
  const both = `a.${earlierKey} is not null and b.${key} is not null`
  const counts = [
    `count(*) filter (where ${both}) as rows`,
    `count(*) filter (where b.${key} is null) as only_earlier`,
    `count(*) filter (where a.${earlierKey} is null) as only_later`,
    `count(*) filter (where ${both} and (${differs.join(' or ') || 'false'})) as different`,
    ...differs.map((term, index) => `count(*) filter (where ${both} and ${term}) as c${index}`),
  ]
  const on = keys.map((pair) => `${projectSql(pair, 'a')} = b.${pair.to.name}`).join(' and ')
  const living = (name: string) => `(select * from hq.${name} where _dx_deleted_at is null)`
  return {
    sql: `select ${counts.join(', ')}
      from ${living(earlier.name)} as a full join ${living(later.name)} as b on ${on}`,
    compared: compared.map(({ to }) => to.name),
  }
}

/**
 * Holds a version against the one that it follows, row by row, as HQ has both. What is still on its
 * way makes a difference, too.
 * @throws {RangeError} where the one does not follow the other by its key.
 */
export async function compareVersions(
  client: pg.ClientBase,
  earlier: Dataset,
  later: Dataset,
): Promise<VersionComparison> {
  const { sql, compared } = compareSql(earlier, later)
  const [counts] = (await client.query<Record<string, string>>(sql)).rows
  const count = (name: string) => Number(counts?.[name])
  const columns = compared.map((name, index) => [name, count(`c${index}`)] as const)
  return {
    earlier: earlier.name,
    later: later.name,
    rows: count('rows'),
    onlyEarlier: count('only_earlier'),
    onlyLater: count('only_later'),
    different: count('different'),
    columns: Object.fromEntries(columns.filter(([, differing]) => differing > 0)),
  }
}
