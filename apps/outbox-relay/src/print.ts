import type { ListedDeadLetter } from './dead-letter/list-dead-letters.ts'
import type { RelayStatus } from './status.ts'

/** Data as one line of JSON. */
export function printJson(data: unknown): string {
  return JSON.stringify(data)
}

/** Columns of text, as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
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

/** The status for people. */
export function printStatus(status: RelayStatus): string {
  const leader =
    status.leader === null
      ? 'none: no relay works'
      : `pid ${status.leader.pid} since ${status.leader.since}`
  const datasets = table([
    ['dataset', 'waiting', 'oldest', 'dead letters', 'bound to'],
    ...status.datasets.map((row) => [
      row.dataset,
      String(row.waiting_rows),
      seconds(row.oldest_age_s),
      String(row.dead_letters),
      status.bound.find(({ dataset }) => dataset === row.dataset)?.source_table ?? 'not bound',
    ]),
  ])
  return [
    `leader              ${leader}`,
    `last ack            ${status.last_ack_at ?? 'none'}`,
    `outbox              ${(status.outbox_bytes / 1024 / 1024).toFixed(1)} MiB`,
    `oldest open writer  ${seconds(status.oldest_writer_s)}`,
    `notification queue  ${(status.notification_queue_usage * 100).toFixed(1)} % full`,
    '',
    datasets,
  ].join('\n')
}

/** Dead letters for people. */
export function printDeadLetters(letters: readonly ListedDeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters'
  return table([
    ['id', 'dataset', 'reason', 'attempts', 'last failed', 'key'],
    ...letters.map(({ id, dataset, reason, attempts, last_failed_at, key }) => [
      id,
      dataset,
      reason,
      String(attempts),
      last_failed_at,
      key ?? '-',
    ]),
  ])
}
