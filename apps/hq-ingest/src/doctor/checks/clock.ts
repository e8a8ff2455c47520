import { fail, ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** Beyond it, what a source signs a moment ago is refused. */
const FAIL_SKEW_S = 300
const WARN_SKEW_S = 30

const CLOCK = /* sql */ `
select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as "serverMs"`

/** HQ's clock dates batches and delays; a gateway judges signatures by the clock of its machine. */
export const clock: Check = {
  name: 'clock',
  async examine({ login, now }) {
    const before = now()
    const { rows } = await login.query<{ serverMs: number }>(CLOCK)
    const after = now()
    const serverMs = rows[0]?.serverMs ?? Number.NaN
    const skewS = Math.max(before - serverMs, serverMs - after, 0) / 1000
    if (!(skewS > WARN_SKEW_S)) return ok('HQ and this machine agree')
    const judge = skewS > FAIL_SKEW_S ? fail : warn
    return judge(
      `the clocks of HQ and of this machine differ by ${skewS.toFixed(0)} s`,
      'synchronise both (NTP); a gateway refuses what was signed 5 minutes from its own clock',
    )
  },
}
