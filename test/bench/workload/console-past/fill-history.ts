import { DATASETS, emptyCounts, SCHEMA_VERSION } from '@hq-export/contract'
import { failed } from '@hq-export/hq-ingest/quality/verdict.ts'
import { beginPass } from '@hq-export/outbox-relay/backfill/progress.ts'
import type { BenchServers } from '../../programs/servers.ts'
import { AT, DATASET, FILLED_KEY, FILLED_SOURCE, PAST_DAYS, REFUSED } from './filled-rows.ts'

const AUDITED = 20_000
const ACTIONS = 400
const ITEMS_PER_ACTION = 250
const INCIDENTS = 400
const OPEN_INCIDENTS = 10
const BACKFILLS = 40

const NAMES = `array[${DATASETS.map(({ name }) => `'${name}'`).join(', ')}]`

const evidence = failed(
  {
    ...{ check: 'null_rate', metric: 'share of rows without a name', value: 0.2, threshold: 0.1 },
    ...{ baseline: 0.03, fraction: 0.2, rows: 20_000 },
    worst: [{ what: 'column', name: 'canonical_name', count: 4_000, of: 20_000, usual: 0.03 }],
  },
  'drift',
  'warn',
)

function audited(schema: string, action: string): string {
  return `insert into ${schema}.audit (at, actor, action, subject, detail)
    select ${AT}, (array['ada', 'grace', 'edsger'])[1 + i % 3], '${action}', 'row ' || i,
      jsonb_build_object('ids', array[i, i + 1], 'note', 'as agreed with the owner')
    from generate_series(1, $1::bigint) as i`
}

function actions(schema: string, kind: string): string {
  return `
with done as (
  insert into ${schema}.action (requested_at, updated_at, finished_at, through, position, done, id,
    kind, actor, state, reason, selection)
  select ${AT}, ${AT}, ${AT}, ${ITEMS_PER_ACTION}, ${ITEMS_PER_ACTION}, ${ITEMS_PER_ACTION},
    md5('action ' || i)::uuid, '${kind}', 'ada', 'done', 'as agreed',
    jsonb_build_object('dataset', ${DATASET}, 'reason', ${REFUSED.code}, 'pointer',
      '/row/' || ${REFUSED.place})
  from generate_series(1, $1::bigint) as i
)
insert into ${schema}.action_item (item, action, outcome)
select 1 + i * ${ITEMS_PER_ACTION} + item, md5('action ' || i)::uuid, 'done'
from generate_series(1, $1::bigint) as i, generate_series(1, ${ITEMS_PER_ACTION}) as item`
}

function incidents(from: number, isOpen: boolean): string {
  return `insert into ingest.incident (began_at, opened_at, last_failed_at, told_at, closed_at, size,
      source, dataset, check_name, severity, evidence)
    select ${AT}, ${AT}, ${AT}, ${AT}, ${isOpen ? 'null' : AT}, 0.2, '${FILLED_SOURCE}',
      (${NAMES})[1 + i % 5], (array['null_rate', 'volume'])[1 + i / 5 % 2], 'warn', $2::jsonb
    from generate_series(${from}, $1::bigint) as i`
}

const BALANCE = `captured, inserted, updated, superseded, duplicate, stale, refused, filtered`

/** What people, checks and sources have left behind beside rows. */
export async function fillHistory({ dx, hq }: BenchServers): Promise<void> {
  const inHq = (sql: string, values: unknown[] = []) => hq.client.query(sql, values)
  const atSource = (sql: string, values: unknown[] = []) => dx.client.query(sql, values)
  await inHq(audited('ingest', 'quarantine.discard'), [AUDITED])
  await atSource(audited('hq_export', 'dead_letter.discard'), [AUDITED])
  await inHq(actions('ingest', 'quarantine.replay'), [ACTIONS])
  await atSource(actions('hq_export', 'dead_letter.replay'), [ACTIONS])
  await inHq(incidents(1, false), [INCIDENTS, JSON.stringify(evidence)])
  await inHq(incidents(1, true), [OPEN_INCIDENTS, JSON.stringify(evidence)])
  await inHq(
    `insert into ingest.balance (received_at, ${BALANCE}, waiting, day, source, dataset)
     select now(), 40000, 36000, 3900, 0, 0, 0, 100, 0, 0, (now() - day * interval '1 day')::date,
       '${FILLED_SOURCE}', dataset
     from generate_series(0, $1::int) as day, unnest(${NAMES}) as dataset`,
    [PAST_DAYS],
  )
  await atSource(
    `insert into hq_export.balance (${BALANCE}, day, dataset)
     select 40000, 36000, 3900, 0, 0, 0, 100, 0, (now() - day * interval '1 day')::date, dataset
     from generate_series(1, $1::int) as day, generate_series(1, 5) as dataset`,
    [PAST_DAYS],
  )
  await inHq(
    `insert into ingest.key (created_at, id, source, kind, label, public_key)
     select now() - interval '1 day' * i, '${FILLED_KEY}' || coalesce(nullif(i, 0)::text, ''), '${FILLED_SOURCE}',
       'ed25519', 'key ' || i, 'whpk_' || i
     from generate_series(0, 20) as i`,
  )
  await inHq(
    `insert into ingest.key_use (last_used_at, key_id, source)
     select now(), id, source from ingest.key`,
  )
  await inHq(
    `insert into ingest.heartbeat (source_ts, source, batch)
     values (now(), '${FILLED_SOURCE}', 'beat')`,
  )
  await inHq(
    `insert into ingest.freshness (complete_through, told_at, refused, source, dataset, epoch,
       schema_version, key_id)
     select now(), now(), 0, '${FILLED_SOURCE}', dataset, 'first', '${SCHEMA_VERSION}',
       '${FILLED_KEY}'
     from unnest(${NAMES}) as dataset`,
  )
  const passes = DATASETS.map(({ name: dataset }) => ({
    ...beginPass({ kind: 'rows', dataset, snapshots: 'none' }, 2_000_000),
    ...{ isDone: true, scanned: 2_000_000, counts: emptyCounts(2_000_000) },
  }))
  await atSource(
    `insert into hq_export.backfill (requested_at, updated_at, finished_at, state, progress)
     select ${AT}, ${AT}, ${AT}, 'completed', $2::jsonb from generate_series(1, $1::bigint) as i`,
    [BACKFILLS, JSON.stringify({ passes, activeMs: 600_000 })],
  )
}
