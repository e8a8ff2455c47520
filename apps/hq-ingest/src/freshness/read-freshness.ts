import { type DatasetFreshness, type Freshness, SOURCE_PATTERN } from '@hq-export/contract'
import { z } from 'zod'
import type { IngestKey } from '../keys/ingest-key.ts'
import { readOnly } from '../reconciliation/read-only.ts'
import type { Comparing, Comparison } from '../reconciliation/receive-request.ts'

const questionSchema = z.object({ source: z.string().regex(SOURCE_PATTERN) })

// What a reader who is limited to an org is not told, a key of some orgs is not told either.
const READ = /* sql */ `
  select dataset, pg_catalog.to_json(complete_through) #>> '{}' as complete_through,
    extract(epoch from lag)::float8 as lag_seconds,
    case when $3 then open_refused::float8 end as open_refused,
    case when $3 then pg_catalog.to_json(reconciled_at) #>> '{}' end as reconciled_at,
    case when $3 then reconciled_state end as reconciled_state, schema_version
  from hq.dx_freshness
  where source = $1 and dataset = any (coalesce($2::text[], array[dataset]))
  order by dataset`

async function answer(
  { comparePool }: Comparing,
  { source }: { readonly source: string },
  { orgs, datasets }: IngestKey,
): Promise<Freshness> {
  const names = datasets === undefined ? null : [...datasets]
  return readOnly(comparePool, async (client) => {
    const { rows } = await client.query<DatasetFreshness>(READ, [source, names, orgs === undefined])
    return { source, datasets: rows }
  })
}

/** `GET /v1/freshness`. */
export const freshness: Comparison<{ readonly source: string }, Freshness> = {
  schema: questionSchema,
  answer,
}
