import { type Check, type Finding, fail, ok, warn } from './finding.ts'

const GAPS = /* sql */ `
select coalesce(b.dataset, 'dataset ' || g.dataset::text) as dataset, count(*)::int as gaps,
       pg_catalog.to_json(pg_catalog.max(g.occurred_at)) #>> '{}' as last
from hq_export.capture_gap g left join hq_export.binding b on b.number = g.dataset
group by 1 order by 1`

// Where somebody has switched capture off for good: on the database, a role, or a role in the database. A session that
// replays a replication stream fires no trigger of ours either.
const SWITCHES = /* sql */ `
select coalesce(r.rolname, 'every role') as role, coalesce(d.datname, 'every database') as database, setting
from pg_catalog.pg_db_role_setting s
cross join lateral pg_catalog.unnest(s.setconfig) setting
left join pg_catalog.pg_database d on d.oid = s.setdatabase
left join pg_catalog.pg_roles r on r.oid = s.setrole
where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
  and setting in ('hq_export.disabled=on', 'session_replication_role=replica')`

/** Nothing was written while capture was switched off, and it is not switched off now. */
export const captureGaps: Check = {
  name: 'capture-gaps',
  async examine({ login, relay }) {
    const switched = (
      await login.query<{ role: string; database: string; setting: string }>(SWITCHES)
    ).rows
    const gaps = (
      await (await relay()).query<{ dataset: string; gaps: number; last: string }>(GAPS)
    ).rows
    const findings: Finding[] = [
      ...switched.map(({ role, database, setting }) =>
        fail(
          `${setting} for ${role} in ${database}: its changes are not captured`,
          `alter database or role ... reset ${setting.split('=')[0]}, then backfill`,
        ),
      ),
      ...gaps.map((gap) =>
        warn(
          `${gap.dataset}: ${gap.gaps} statements were not captured, the last at ${gap.last}`,
          'once the transactions of that time have ended, backfill the dataset, then delete its rows from hq_export.capture_gap',
        ),
      ),
    ]
    return findings.length > 0 ? findings : ok('none')
  },
}
