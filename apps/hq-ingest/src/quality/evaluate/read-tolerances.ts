import type pg from 'pg'
import type { Tolerances } from '../verdict.ts'
import type { Stream } from './progress.ts'

const READ = /* sql */ `
select check_name as "check", size from ingest.quality_tolerance
where source = $1 and dataset = $2`

/** What the checks of a stream may find. */
export async function readTolerances(
  client: pg.ClientBase,
  { source, dataset }: Stream,
): Promise<Tolerances> {
  const { rows } = await client.query<{ check: string; size: number }>(READ, [source, dataset])
  return Object.fromEntries(rows.map(({ check, size }) => [check, size]))
}
