import { DATASETS } from '@hq-export/contract'
import pg from 'pg'
import { expect } from 'vitest'

/** Shows current versions only, while HQ has every version there was. */
const SNAPSHOTS = 'dx_entity_snapshots_v1'

async function readRows(
  client: pg.ClientBase,
  relation: string,
  columns: readonly string[],
): Promise<string[]> {
  const texts = columns.map((name) => `r.${pg.escapeIdentifier(name)}::text`).join(', ')
  await client.query("set timezone = 'UTC'")
  const { rows } = await client.query<{ row: string }>(
    `select array[${texts}]::text as row from ${relation} r`,
  )
  return rows.map(({ row }) => row).sort()
}

/** What stands in the source and in HQ, dataset by dataset, every contract column as text; what is deleted in HQ is left out. */
export async function expectEqualSides(dx: pg.ClientBase, hq: pg.ClientBase): Promise<void> {
  for (const { name, columns } of DATASETS) {
    if (name === SNAPSHOTS) continue
    const names = columns.map((column) => column.name)
    const source = await readRows(dx, `hq_export.${name}`, names)
    const live = `(select * from hq.${name} where _dx_deleted_at is null)`
    const target = await readRows(hq, live, names)
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
