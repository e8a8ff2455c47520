import { type Check, type Finding, fail, ok, warn } from './finding.ts'

// A backfill of everything that was requested after it closes a gap of rows that were written: it sends them as they are. Of rows that
// were removed it knows nothing.
const GAPS = /* sql */ `
select coalesce(b.dataset, 'dataset ' || g.dataset::text) as dataset, g.dataset as number, w.is_written, count(*)::int as gaps,
       pg_catalog.to_json(pg_catalog.max(g.occurred_at)) #>> '{}' as last
from hq_export.capture_gap g
left join hq_export.binding b on b.number = g.dataset
cross join lateral (select g.operation in ('insert', 'update', 'bump', 'late') as is_written) w
where not w.is_written or not exists (
  select from hq_export.backfill f
  where f.state = 'completed' and f.requested_at > g.occurred_at and (f.dataset is null or f.dataset = b.dataset)
    and f.since is null and f.until is null and f.org_id is null)
group by 1, 2, 3 order by 1, 3`

interface Gap {
  dataset: string
  number: number
  is_written: boolean
  gaps: number
  last: string
}

function gapFinding({ dataset, number, is_written, gaps, last }: Gap): Finding {
  const backfill = `run: npm run relay -- backfill --dataset ${dataset}`
  return is_written
    ? warn(`${dataset}: ${gaps} statements were not captured, the last at ${last}`, backfill)
    : warn(
        `${dataset}: ${gaps} statements that removed rows were not captured, the last at ${last}; HQ keeps what they removed`,
        `${backfill}; it does not find what is gone: mark that in HQ by hand (OPERATIONS, "HqExportCaptureGap"), then delete from hq_export.capture_gap where dataset = ${number}`,
      )
}

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
    const gaps = (await (await relay()).query<Gap>(GAPS)).rows
    const findings: Finding[] = [
      ...switched.map(({ role, database, setting }) =>
        fail(
          `${setting} for ${role} in ${database}: its changes are not captured`,
          `alter database or role ... reset ${setting.split('=')[0]}, then backfill`,
        ),
      ),
      ...gaps.map(gapFinding),
    ]
    return findings.length > 0 ? findings : ok('none')
  },
}
