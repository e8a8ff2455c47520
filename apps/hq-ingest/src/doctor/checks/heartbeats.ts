import { type Finding, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** A relay sends one every 30 s. */
const LATE_S = 15 * 60

const HEARTBEATS = /* sql */ `
select source, extract(epoch from pg_catalog.clock_timestamp() - received_at)::float8 as "ageS"
from ingest.heartbeat order by source`

/** Every source that ever sent something still does. */
export const heartbeats: Check = {
  name: 'heartbeats',
  async examine({ writer }) {
    const client = await writer()
    const { rows } = await client.query<{ source: string; ageS: number }>(HEARTBEATS)
    if (rows.length === 0) {
      return warn(
        'no source has sent anything yet',
        'start its relay: npm run relay -- run, and see: npm run relay -- doctor',
      )
    }
    const late = rows.filter(({ ageS }) => ageS > LATE_S)
    const findings: Finding[] = late.map(({ source, ageS }) =>
      warn(
        `nothing came from ${source} for ${Math.floor(ageS / 60)} minutes`,
        'run at the source: npm run relay -- doctor',
      ),
    )
    return findings.length > 0 ? findings : ok(`${rows.length} sources, none is late`)
  },
}
