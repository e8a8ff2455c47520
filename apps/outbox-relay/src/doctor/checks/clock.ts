import pg from 'pg'
import type { Binding } from '../../binding/binding-schema.ts'
import { projectionOf } from '../../binding/projection/projection.ts'
import { tableSql } from '../../binding/source-table.ts'
import { unionOfOutbox } from '../../outbox/outbox-tables.ts'
import { type Check, type Finding, fail, ok, warn } from './finding.ts'

/**
 * A gateway refuses what was signed this far from its own clock, and the relay signs by its
 * machine's.
 */
const FAIL_SKEW_S = 300
const WARN_SKEW_S = 30
/**
 * A row this far ahead of the server's clock was not merely written by a machine whose clock is a
 * little fast.
 */
const AHEAD = `pg_catalog.clock_timestamp() + interval '60 seconds'`

// The rows of the outbox that may still wait, heartbeats among them, and the keys that were noted.
const CLOCK = /* sql */ `
select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as "serverMs",
  (select count(*)::int from (
  ${unionOfOutbox((table) => `select captured_at from ${table}`)}
   ) o where o.captured_at > ${AHEAD}) as captured,
  (select count(*)::int from hq_export.settle p
   join hq_export.binding d on d.number = p.dataset
   where p.due_at > ${AHEAD}
     + pg_catalog.make_interval(secs => (d.definition #>> '{settle,delaySeconds}')::float8)
  ) as noted`

interface Clock {
  readonly serverMs: number
  readonly captured: number
  readonly noted: number
}

/** Rows on the settle list that the application itself dates in the future. */
async function countDatedAhead(client: pg.ClientBase, binding: Binding | undefined) {
  let dated = 0
  for (const bound of binding?.datasets ?? []) {
    if (bound.settle === undefined) continue
    const { dataset, key } = projectionOf(bound, 'null')
    const { rows } = await client.query<{ dated: number }>(/* sql */ `
select count(*)::int as dated
from (select distinct key from hq_export.settle where dataset = ${dataset.number}) p
join ${tableSql(bound.table)} r on ${key} = p.key
where r.${pg.escapeIdentifier(bound.settle.createdAt)} > ${AHEAD}`)
    dated += rows[0]?.dated ?? 0
  }
  return dated
}

/**
 * The clocks agree, and nothing is dated in the future. No row waits for a clock; ages and alerts
 * are told by one.
 * @param now milliseconds since the epoch by this machine's clock; tests own theirs.
 */
export function clock(now = () => Date.now()): Check {
  return {
    name: 'clock',
    async examine({ relay, login, bound }) {
      const session = await relay()
      const before = now()
      const read = (await session.query<Clock>(CLOCK)).rows[0]
      const after = now()
      if (read === undefined) throw new Error('the server has a clock')
      const { serverMs, captured, noted } = read
      const findings: Finding[] = []
      const skewS = Math.max(before - serverMs, serverMs - after, 0) / 1000
      if (skewS > WARN_SKEW_S) {
        const skew = `${skewS.toFixed(0)} s`
        const found = `the clocks of data-engine-x and of this machine differ by ${skew}`
        const todo =
          'synchronise both (NTP); a relay signs by the clock of its machine, ' +
          'and HQ refuses what is 5 minutes off'
        findings.push((skewS > FAIL_SKEW_S ? fail : warn)(found, todo))
      }
      if (captured + noted > 0) {
        findings.push(
          warn(
            `${captured} rows of the outbox and ${noted} keys of the settle list are dated in ` +
              'the future: the clock of data-engine-x was set back',
            'they leave like any other; keep the clock right (NTP), and do not rely on ages ' +
              'until it has passed their time',
          ),
        )
      }
      const dated = await countDatedAhead(login, (await bound())?.binding)
      if (dated > 0) {
        findings.push(
          warn(
            `${dated} rows of the settle list say that they were created in the future`,
            'they leave like any other, and HQ refuses what lies beyond the year 9999; ' +
              'correct the application that dates them',
          ),
        )
      }
      return findings.length > 0 ? findings : ok('the clocks agree; nothing is dated in the future')
    },
  }
}
