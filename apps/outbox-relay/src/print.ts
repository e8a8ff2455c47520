import { SHOWN_CHARS, shownText } from '@hq-export/program/shown-text.ts'
import type { ListedDeadLetter } from './dead-letter/list-dead-letters.ts'
import type { ReplaySummary } from './dead-letter/replay-dead-letters.ts'
import type { ShownDeadLetter } from './dead-letter/show-dead-letter.ts'
import type { NamedFinding } from './doctor/finding.ts'
import type { RelaySession } from './status/read-sessions.ts'
import type { DatasetStatus, RelayStatus } from './status.ts'

/** Data as one line of JSON. */
export function printJson(data: unknown): string {
  return JSON.stringify(data)
}

/** Columns of text, as wide as their widest cell. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(shownText))
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function seconds(age: number | null): string {
  return age === null ? '-' : `${age.toFixed(1)} s`
}

function relaySession({ pid, since, client_address, silent_s }: RelaySession): string {
  return `pid ${pid} from ${client_address ?? 'this machine'} since ${since ?? 'hidden'}, heard of ${seconds(silent_s)} ago`
}

function outboxTable({ table, bytes, current }: RelayStatus['outbox_tables'][number]): string {
  return `${table} ${(bytes / 1024 / 1024).toFixed(1)} MiB${current ? ' (current)' : ''}`
}

function doorbell({ doorbell: { armed, can_ring }, leader }: RelayStatus): string {
  if (!can_ring) return 'silent: max_prepared_transactions is not 0'
  if (leader === null) return 'not armed: no relay works'
  return armed ? 'armed: a relay sleeps' : 'not armed: a relay is at work'
}

function backfill(status: DatasetStatus['backfill']): string {
  if (status === null) return '-'
  const { id, state, scanned, estimated, finished_at, reason } = status
  if (state === 'completed') return `${id} completed ${finished_at}, ${scanned} rows`
  return `${id} ${state}${reason === null ? '' : ` (${reason})`}, ${scanned} of about ${estimated} rows`
}

/** The status for people. */
export function printStatus(status: RelayStatus): string {
  const { leader, standbys, settled_rows_per_s: rate } = status
  const facts = table([
    ['leader', leader === null ? 'none: no relay works' : relaySession(leader)],
    ...standbys.map((standby) => ['standby', relaySession(standby)]),
    ...status.strangers.map(({ lock, pid, login }) => [
      'stranger',
      `pid ${pid ?? '-'} of ${login ?? 'a prepared transaction'} at the lock "${lock}", and no relay`,
    ]),
    ['loop', `${seconds(status.loop_silent_s)} since its last statement`],
    ['last ack', status.last_ack_at ?? 'none'],
    ['settled', rate === null ? '-' : `${rate.toFixed(1)} rows/s over the last half minute`],
    ['outbox', status.outbox_tables.map(outboxTable).join(', ')],
    ['doorbell', doorbell(status)],
    ['oldest open writer', seconds(status.oldest_writer_s)],
    ['notification queue', `${(status.notification_queue_usage * 100).toFixed(1)} % full`],
    ['capture gaps', String(status.capture_gaps)],
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

/** Dead letters for people. */
export function printDeadLetters(letters: readonly ListedDeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters'
  return table([
    ['id', 'dataset', 'reason', 'attempts', 'last failed', 'settled', 'key'],
    ...letters.map(({ id, dataset, reason, attempts, last_failed_at, resolution, key }) => [
      id,
      dataset,
      reason,
      String(attempts),
      last_failed_at,
      resolution ?? '-',
      key ?? '-',
    ]),
  ])
}

/** One dead letter for people; its values only where they were read. */
export function printDeadLetter(letter: ShownDeadLetter): string {
  const { body, body_bytes, ...facts } = letter
  const hidden = body_bytes === null ? 'none was kept' : `${body_bytes} bytes, hidden; see --values`
  const isCut = body != null && body_bytes !== null && Buffer.byteLength(body) < body_bytes
  return table([
    ...Object.entries(facts).map(([name, value]) => [name, value === null ? '-' : String(value)]),
    ['body', body ?? hidden],
    ...(isCut ? [['', `the first ${SHOWN_CHARS} characters of ${body_bytes} bytes`]] : []),
  ])
}

/** What a replay did, for people. */
export function printReplay(summary: ReplaySummary): string {
  const { dry_run, selected, sent, gone, not_replayable } = summary
  const verb = dry_run ? 'would be sent' : 'sent'
  return [
    `${selected} selected: ${sent} ${verb} again, ${gone} deleted in the source since, ${not_replayable.length} not replayable`,
    ...not_replayable.map(({ id, dataset, reason, why }) => `${id}  ${dataset}  ${reason}: ${why}`),
  ].join('\n')
}

/** What the doctor found, for people: what to do stands below what was found. */
export function printFindings(findings: readonly NamedFinding[]): string {
  return findings
    .flatMap(({ check, state, found, todo }) => [
      `${state.padEnd(8)}${check.padEnd(22)}${found}`,
      ...(todo === null ? [] : [`${' '.repeat(30)}-> ${todo}`]),
    ])
    .join('\n')
}
