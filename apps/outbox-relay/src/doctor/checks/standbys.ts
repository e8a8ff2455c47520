import { type Check, ok } from './finding.ts'

// Whoever may not see what a sender does still sees that there is one.
const STANDBYS = /* sql */ `select count(*)::int as standbys from pg_catalog.pg_stat_replication`

/**
 * What a standby feels of us: it replays the emptying of our tables. Nothing that could be mended.
 */
export const standbys: Check = {
  name: 'standbys',
  async examine({ login }) {
    const count = (await login.query<{ standbys: number }>(STANDBYS)).rows[0]?.standbys ?? 0
    if (count === 0) return ok('none streams')
    return ok(
      `${count} stream: while changes are exported, tables of schema hq_export are truncated ` +
        'up to every 30 s, which a standby replays under ACCESS EXCLUSIVE: a dump taken there ' +
        'should leave them out (pg_dump --exclude-schema=hq_export), ' +
        'or it delays replay or is canceled',
    )
  },
}
