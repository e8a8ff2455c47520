import type pg from 'pg'

// A look at the index for each source: the minutes are many, the sources few.
const SOURCES = /* sql */ `
with recursive found (source) as (
  (select source from ingest.minute order by source limit 1)
  union all
  select (select m.source from ingest.minute m where m.source > f.source order by m.source limit 1)
  from found f where f.source is not null
)
select source from found where source is not null`

/** Sources of which rows came within the minutes that are kept. */
export async function listSources(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ source: string }>(SOURCES)
  return rows.map(({ source }) => source)
}
