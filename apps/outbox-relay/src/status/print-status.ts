import { table } from '@hq-export/runtime/table.ts'
import type { RelaySession } from './read-sessions.ts'
import type { DatasetStatus, RelayStatus } from './status.ts'

export function seconds(age: number | null): string {
  return age === null ? '-' : `${age.toFixed(1)} s`
}

export function relaySession({ pid, since, client_address, silent_s }: RelaySession): string {
  return (
    `pid ${pid} from ${client_address ?? 'this machine'} since ${since ?? 'hidden'}, ` +
    `heard of ${seconds(silent_s)} ago`
  )
}

function outboxTable({ table, bytes, current }: RelayStatus['outbox_tables'][number]): string {
  return `${table} ${(bytes / 1024 / 1024).toFixed(1)} MiB${current ? ' (current)' : ''}`
}

export function doorbell({ doorbell: { armed, can_ring }, leader }: RelayStatus): string {
  if (!can_ring) return 'silent: max_prepared_transactions is not 0'
  if (leader === null) return 'not armed: no relay works'
  return armed ? 'armed: a relay sleeps' : 'not armed: a relay is at work'
}

export function backfill(status: DatasetStatus['backfill']): string {
  if (status === null) return '-'
  const { id, state, scanned, estimated, finished_at, reason } = status
  if (state === 'completed') return `${id} completed ${finished_at}, ${scanned} rows`
  return (
    `${id} ${state}${reason === null ? '' : ` (${reason})`}, ${scanned} of about ` +
    `${estimated} rows`
  )
}

export function reconciliation({
  reconciliation: { state, last_finished_at, last_reason, coverage, follow },
}: RelayStatus): string {
  if (state === null) return 'never: npm run relay -- reconcile'
  return [
    `${state}${last_reason === null ? '' : ` (${last_reason})`}`,
    ...(last_finished_at === null ? [] : [last_finished_at]),
    ...(coverage === null ? [] : [`${Math.floor(coverage * 100)} % compared`]),
    ...(follow?.share == null ? [] : [`${Math.floor(follow.share * 100)} % of changes followed`]),
  ].join(', ')
}

/** The status for people. */
export function printStatus(status: RelayStatus): string {
  const { leader, standbys, acknowledged_rows_per_s: rate } = status
  const facts = table([
    ['leader', leader === null ? 'none: no relay works' : relaySession(leader)],
    ...standbys.map((standby) => ['standby', relaySession(standby)]),
    ...status.strangers.map(({ lock, pid, login }) => [
      'stranger',
      `pid ${pid ?? '-'} of ${login ?? 'a prepared transaction'} at the lock "${lock}", ` +
        'and no relay',
    ]),
    ['loop', `${seconds(status.loop_silent_s)} since its last statement`],
    ['last ack', status.last_ack_at ?? 'none'],
    ['acknowledged', rate === null ? '-' : `${rate.toFixed(1)} rows/s over the last half minute`],
    ['outbox', status.outbox_tables.map(outboxTable).join(', ')],
    ['doorbell', doorbell(status)],
    ['oldest open writer', seconds(status.oldest_writer_s)],
    ['notification queue', `${(status.notification_queue_usage * 100).toFixed(1)} % full`],
    ['capture gaps', String(status.capture_gaps)],
    ['reconciliation', reconciliation(status)],
  ])
  const datasets = table([
    [
      'dataset',
      'waiting',
      'oldest',
      'dead letters',
      'settling',
      'filtered',
      'bound to',
      'backfill',
    ],
    ...status.datasets.map((row) => [
      row.dataset,
      String(row.waiting_rows),
      seconds(row.oldest_age_s),
      String(row.dead_letters),
      String(row.settling_rows),
      String(row.filtered_rows),
      status.bound.find(({ dataset }) => dataset === row.dataset)?.source_table ?? 'not bound',
      backfill(row.backfill),
    ]),
  ])
  return `${facts}\n\n${datasets}`
}
