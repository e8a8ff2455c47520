import { type Check, ok, warn } from './finding.ts'

const OPEN = /* sql */ `
select count(*)::int as open from hq_export.dead_letter where resolved_at is null`

/** No refused row waits for a decision. */
export const deadLetters: Check = {
  name: 'dead-letters',
  async examine({ relay }) {
    const open = (await (await relay()).query<{ open: number }>(OPEN)).rows[0]?.open ?? 0
    return open === 0
      ? ok('none is open')
      : warn(`${open} are open`, 'npm run relay -- dead-letters list, then replay or discard')
  },
}
