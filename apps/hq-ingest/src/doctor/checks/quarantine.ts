import { ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** Enough to know that there are many; counting all of a flood takes minutes. */
const MAX_COUNTED = 1_000

const OPEN = /* sql */ `
select count(*)::int as entries from (
  select from ingest.quarantine where resolved_at is null limit ${MAX_COUNTED}) q`

/** No row waits for somebody to look why it was refused. */
export const quarantine: Check = {
  name: 'quarantine',
  async examine({ writer }) {
    const { rows } = await (await writer()).query<{ entries: number }>(OPEN)
    const entries = rows[0]?.entries ?? 0
    if (entries === 0) return ok('empty')
    return warn(
      `${entries}${entries === MAX_COUNTED ? ' or more' : ''} rows that HQ refused are open`,
      'run: npm run ingest -- quarantine list',
    )
  },
}
