import type { Dataset } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '@hq-export/outbox-relay/binding/binding-schema.ts'
import { IS_SETTLED } from '@hq-export/outbox-relay/settle/read-pending.ts'
import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'
import { type OutboxLook, readOutboxOf } from './read-outbox.ts'
import {
  readSnapshotState,
  readSourceState,
  type SnapshotEntity,
  type SourceState,
} from './read-source-version.ts'

/** A refusal that the source keeps. */
export interface Letter {
  readonly id: string
  readonly reason: string
  readonly detail: string | null
  readonly attempts: number
  readonly deleted: boolean
  readonly capturedAt: string
  readonly firstFailedAt: string
  readonly lastFailedAt: string
  readonly batch: string | null
  readonly traceparent: string | null
  readonly resolution: string | null
  readonly resolvedAt: string | null
  readonly replayCount: number
  readonly retryAt: string | null
}

/** What else the source has noted of the key. */
export interface Notes {
  /** When its dataset was bound, and to which table. */
  readonly capturedSince: string | null
  readonly sourceTable: string | null
  /** Version of its delete, where the key was deleted and has not come back. */
  readonly deletedVersion: string | null
  readonly deletedAt: string | null
  /** When a row of an append-only dataset was deleted last. */
  readonly removedAt: string | null
  /** On the settle list, and not exported yet. */
  readonly settlingSince: string | null
  readonly dueAt: string | null
  /** To be sent once more, and why. */
  readonly resendReason: string | null
  readonly resendSince: string | null
  /** When the range of keys that it lies in was compared last, and what that came to. */
  readonly comparedAt: string | null
  readonly comparedState: string | null
}

/** Everything that data-engine-x knows of a row. */
export interface AtSource {
  readonly state: SourceState
  readonly outbox: OutboxLook
  /** Newest first. */
  readonly letters: readonly Letter[]
  readonly notes: Notes
}

const MAX_LETTERS = 50

const LETTERS = `
select d.id::text as id, d.reason, d.detail, d.attempts, d.deleted,
  ${instantSql('d.captured_at')} as "capturedAt",
  ${instantSql('d.first_failed_at')} as "firstFailedAt",
  ${instantSql('d.last_failed_at')} as "lastFailedAt", d.batch, d.traceparent, d.resolution,
  ${instantSql('d.resolved_at')} as "resolvedAt", d.replay_count as "replayCount",
  ${instantSql('d.retry_at')} as "retryAt"
from hq_export.dead_letter d
where d.dataset = $1 and d.key = $2
order by d.last_failed_at desc, d.id desc limit ${MAX_LETTERS}`

// Each is a look-up by an index, or reads a table that is short at rest.
const NOTES = `
select b.captured_since as "capturedSince", b.source_table as "sourceTable",
  v.base as "deletedVersion", v.deleted_at as "deletedAt", r.removed_at as "removedAt",
  s.noted_at as "settlingSince", s.due_at as "dueAt", x.reason as "resendReason",
  x.noted_at as "resendSince", c.checked_at as "comparedAt", c.state as "comparedState"
from (values (1)) one
left join (
  select source_table, ${instantSql('captured_since')} as captured_since
  from hq_export.binding where number = $1
) b on true
left join (
  select base::text as base, ${instantSql('deleted_at')} as deleted_at
  from hq_export.version_base where dataset = $1 and key = $2 and deleted_at is not null
) v on true
left join (
  select ${instantSql('removed_at')} as removed_at
  from hq_export.removal where dataset = $1 and key = $2
) r on true
left join (
  select ${instantSql('min(p.noted_at)')} as noted_at, ${instantSql('max(p.due_at)')} as due_at
  from hq_export.settle p
  left join (select m.number, m.seen from hq_export.settled m order by m.id desc limit 1) m on true
  where p.dataset = $1 and p.key = $2 and ${IS_SETTLED} is not true
) s on true
left join (
  select reason, ${instantSql('noted_at')} as noted_at
  from hq_export.reexport where dataset = $1 and key = $2
) x on true
left join (
  select ${instantSql('checked_at')} as checked_at, state
  from hq_export.reconciliation_range
  where dataset = $1 and $3::text is not null and from_key collate "C" <= $3
  order by from_key collate "C" desc limit 1
) c on true`

/**
 * Reads everything that data-engine-x knows of a row, a few look-ups.
 * @param entity of a snapshot that HQ has: what it is looked up and compared by.
 */
export async function readAtSource(
  client: pg.ClientBase,
  dataset: Dataset,
  key: string,
  entity: SnapshotEntity | undefined,
): Promise<AtSource> {
  const isSnapshot = dataset.name === SNAPSHOTS_DATASET
  const rangeKey = isSnapshot ? entity?.key : key
  const { rows: letters } = await client.query<Letter>(LETTERS, [dataset.name, key])
  const { rows: notes } = await client.query<Notes>(NOTES, [dataset.number, key, rangeKey ?? null])
  if (notes[0] === undefined) throw new Error('a key has notes, be they empty')
  return {
    state: isSnapshot
      ? await readSnapshotState(client, entity)
      : await readSourceState(client, dataset, key),
    outbox: await readOutboxOf(client, dataset, key),
    letters,
    notes: notes[0],
  }
}
