import { DATASETS, type Dataset, datasetByName } from '@hq-export/contract'
import pg from 'pg'
import { expect } from 'vitest'

/** Shows current versions and those of its history only, while HQ has every version there was. */
const SNAPSHOTS = 'dx_entity_snapshots_v1'

async function readRows(
  client: pg.ClientBase,
  relation: string,
  { columns }: Dataset,
  where: string,
): Promise<string[]> {
  const texts = columns.map(({ name }) => `r.${pg.escapeIdentifier(name)}::text`).join(', ')
  await client.query("set timezone = 'UTC'")
  const { rows } = await client.query<{ row: string }>(
    `select array[${texts}]::text as row from ${relation} r where ${where}`,
  )
  return rows.map(({ row }) => row).sort()
}

/**
 * What stands in the source and in HQ, dataset by dataset, every contract column as text; what is
 * deleted in HQ is left out.
 * @param where condition on contract columns: the rows that are looked at, on both sides.
 */
export async function expectEqualSides(
  dx: pg.ClientBase,
  hq: pg.ClientBase,
  where = 'true',
): Promise<void> {
  for (const dataset of DATASETS) {
    const { name } = dataset
    if (name === SNAPSHOTS) continue
    const source = await readRows(dx, `hq_export.${name}`, dataset, where)
    const live = `(select * from hq.${name} where _dx_deleted_at is null)`
    const target = await readRows(hq, live, dataset, where)
    // Far shorter than two long lists when it fails.
    const inTarget = new Set(target)
    const inSource = new Set(source)
    const onlySource = source.filter((row) => !inTarget.has(row))
    const onlyTarget = target.filter((row) => !inSource.has(row))
    expect({ name, rows: target.length, onlySource, onlyTarget }).toEqual({
      name,
      rows: source.length,
      onlySource: [],
      onlyTarget: [],
    })
  }
}

/**
 * Every snapshot that the source shows stands in HQ, every contract column as text. @returns how
 * many those are.
 */
export async function expectSnapshotsInHq(
  dx: pg.ClientBase,
  hq: pg.ClientBase,
  where = 'true',
): Promise<number> {
  const dataset = datasetByName(SNAPSHOTS)
  const source = await readRows(dx, `hq_export.${SNAPSHOTS}`, dataset, where)
  const inTarget = new Set(await readRows(hq, `hq.${SNAPSHOTS}`, dataset, where))
  expect(source.filter((row) => !inTarget.has(row))).toEqual([])
  return source.length
}
