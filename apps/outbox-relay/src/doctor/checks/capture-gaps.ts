import { IS_SWITCHED_OFF, switchesOff } from '../../binding/capture/switched-off.ts'
import { readDifferences } from '../../binding/inspect/known-source.ts'
import { ROLE_SETTINGS } from '../../session/role-settings.ts'
import { type Check, type Finding, fail, ok, warn } from './finding.ts'

const GAPS = /* sql */ `
select coalesce(b.dataset, 'dataset ' || g.dataset::text) as dataset, count(*)::int as gaps,
       pg_catalog.to_json(pg_catalog.max(g.occurred_at)) #>> '{}' as last
from hq_export.capture_gap g left join hq_export.binding b on b.number = g.dataset
where g.closed_at is null
group by 1 order by 1`

// Where somebody has switched capture off for good: on the database, a role, a role in the
// database, or a function.
const SWITCHES = /* sql */ `
select s.place, pg_catalog.split_part(s.setting, '=', 1) as name, s.setting
from (
  ${ROLE_SETTINGS}
  union all
  select 'function ' || p.oid::pg_catalog.regprocedure::text, setting
  from pg_catalog.pg_proc p cross join lateral pg_catalog.unnest(p.proconfig) setting
) s
where pg_catalog.lower(pg_catalog.split_part(s.setting, '=', 1)) = 'hq_export.disabled'
  and ${switchesOff(`pg_catalog.split_part(s.setting, '=', 2)`)}`

// `alter system` or the configuration file: no catalog shows those, a session does.
const IS_OFF_HERE = /* sql */ `select ${IS_SWITCHED_OFF} as off`

/** Nothing was written while capture was switched off, and it is not switched off now. */
export const captureGaps: Check = {
  name: 'capture-gaps',
  async examine({ login, relay, bound }) {
    const switched = (await login.query<{ place: string; name: string; setting: string }>(SWITCHES))
      .rows
    const isOff = (await login.query<{ off: boolean }>(IS_OFF_HERE)).rows[0]?.off
    const gaps = (
      await (await relay()).query<{ dataset: string; gaps: number; last: string }>(GAPS)
    ).rows
    const differences = await readDifferences(login)
    const bindCommand = (await bound())?.bindCommand ?? ''
    const findings: Finding[] = [
      ...switched.map(({ place, name, setting }) =>
        fail(
          `${setting} for ${place}: its changes are not captured`,
          `alter database, role or function ... reset ${name}, then backfill`,
        ),
      ),
      ...(isOff && switched.length === 0
        ? [
            fail(
              'hq_export.disabled is set for every session by the configuration of the server',
              'alter system reset hq_export.disabled, and out of the configuration file; ' +
                'reload, then backfill',
            ),
          ]
        : []),
      ...differences.map(({ dataset, operation }) =>
        fail(
          `${dataset}: ${operation} since bind; changes may have been missed`,
          `run: ${bindCommand}, then npm run relay -- backfill --dataset ${dataset}`,
        ),
      ),
      ...gaps.map((gap) =>
        warn(
          `${gap.dataset}: ${gap.gaps} statements or changes were not captured, ` +
            `the last at ${gap.last}`,
          'once the transactions of that time have ended, run: ' +
            `npm run relay -- backfill --dataset ${gap.dataset}, which closes them`,
        ),
      ),
    ]
    return findings.length > 0 ? findings : ok('none')
  },
}
