import { type LedgerPartition, partitionAt } from '@hq-export/hq-ingest/ledger/partition.ts'
import { openSession } from '../../programs/servers.ts'
import {
  BATCHES_PER_REFUSED,
  batchId,
  DATASET,
  DATASET_PLACE,
  FILLED_KEY,
  FILLED_SOURCE,
  PAST_DAYS,
  REFUSED,
  REFUSED_KEY,
} from './filled-rows.ts'
import { inChunks, load } from './load.ts'
import { BATCH_BYTES, COUNTS, STORED } from './profiles.ts'

const DAY_MS = 86_400_000
/** Partitions that are loaded at once. */
const LOADERS = 2

// One row of every tenth batch is refused, and stands in its answer.
const ANSWER = `case when i % ${BATCHES_PER_REFUSED} = 0 then
    (select jsonb_build_object('batch', b.id, 'status', 'partial', 'counts', $4::jsonb ||
      '{"inserted": ${COUNTS.inserted - 1}, "quarantined": 1}', 'rows', jsonb_build_array(
        jsonb_build_object('index', r.i % ${COUNTS.received}, 'outcome', 'quarantined',
          'key', r.key, 'code', r.code, 'detail', '${REFUSED.detail}',
          'pointer', '/rows/' || r.i % ${COUNTS.received} || '/row/' || r.place)))
     from (select i, ${REFUSED_KEY} as key, ${REFUSED.code} as code, ${REFUSED.place} as place
       from (select b.i / ${BATCHES_PER_REFUSED}) as of_row (i)) as r)
  else jsonb_build_object('batch', b.id, 'status', 'applied', 'counts', $4::jsonb, 'rows', '[]'::jsonb)
  end`

function insertInto({ name, from, to }: LedgerPartition): string {
  return `
insert into ingest.${name} (received_at, wire_bytes, decoded_bytes, source, batch, fingerprint, dataset,
  schema_version, key_id, trace_id, span_id, answer, profile)
select b.at, 40000, ${BATCH_BYTES}, '${FILLED_SOURCE}', b.id, sha256(b.id::bytea), b.dataset, 'v1',
  '${FILLED_KEY}', md5(b.id), left(md5(b.id), 16), ${ANSWER}, b.profile
from (
  select i, to_timestamp(($6::float8 + i * $7::float8) / 1000) as at, ${batchId('i')} as id,
    ${DATASET} as dataset, ($5::jsonb[])[${DATASET_PLACE}] as profile
  from generate_series($2::bigint, $3::bigint) as i
  offset 0
) as b
where b.at >= '${from}' and b.at < '${to}' and $1::bigint > 0`
}

/** The months of the past, the oldest first. */
function months(beginMs: number, nowMs: number): LedgerPartition[] {
  const all: LedgerPartition[] = []
  for (
    let at = partitionAt(beginMs);
    Date.parse(at.from) <= nowMs;
    at = partitionAt(Date.parse(at.to))
  )
    all.push(at)
  return all
}

/** Fills HQ's ledger, month by month, each as a table that is attached with its indexes at the end. */
export async function fillLedger(url: string, batches: number, signal: AbortSignal): Promise<void> {
  const nowMs = Date.now()
  const beginMs = nowMs - PAST_DAYS * DAY_MS
  const stepMs = (PAST_DAYS * DAY_MS) / batches
  const all = months(beginMs, nowMs)
  await using admin = await openSession(url)
  // Of the current month: an empty one.
  for (const { name } of all) await admin.client.query(`drop table if exists ingest.${name}`)
  const numbered = (iso: string) => Math.floor((Date.parse(iso) - beginMs) / stepMs)
  const waiting = all.values()

  async function fillMonths(): Promise<void> {
    await using session = await openSession(url)
    const { client } = session
    for (const month of waiting) {
      const { name, from, to } = month
      const range = [
        batches,
        Math.max(1, numbered(from)),
        Math.min(batches, numbered(to) + 1),
      ] as const
      const more = [
        JSON.stringify(COUNTS),
        STORED.map((profile) => JSON.stringify(profile)),
        beginMs,
        stepMs,
      ]
      await load(client, async () => {
        await client.query('set local role hq_ingest_writer')
        await client.query(
          `create table ingest.${name} (like ingest.batch including all excluding indexes)`,
        )
        await inChunks(client, insertInto(month), range, signal, more)
      })
      // Builds its indexes.
      await client.query(
        `alter table ingest.batch attach partition ingest.${name} for values from ('${from}') to ('${to}')`,
      )
    }
  }
  await Promise.all(Array.from({ length: LOADERS }, fillMonths))
}
