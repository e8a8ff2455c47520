import { type Finding, fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

// The run of each source that ended last, of those that compare more than what changed lately.
const LATEST = /* sql */ `
select distinct on (source) source, state, id::text as id
from ingest.reconciliation
where kind <> 'follow'
order by source, finished_at desc`

/** What was compared last was equal. */
export const reconciliations: Check = {
  name: 'reconciliations',
  async examine({ writer }) {
    const { rows } = await (await writer()).query<{ source: string; state: string; id: string }>(
      LATEST,
    )
    const findings: Finding[] = rows
      .filter(({ state }) => state !== 'equal')
      .map(({ source, state, id }) =>
        (state === 'different' ? fail : warn)(
          `the last reconciliation of ${source} came to ${state}`,
          `run: npm run ingest -- reconciliations show ${id}`,
        ),
      )
    if (findings.length > 0) return findings
    return rows.length > 0
      ? ok(`${rows.length} sources, the last run of each was equal`)
      : warn('no source was ever compared', 'run at the source: npm run relay -- reconcile')
  },
}
