import type { Condition } from '@hq-export/observability/notifier.ts'
import type { DatasetStatus, RelayStatus } from '../status/status.ts'
import type { RelayProgress } from './relay-progress.ts'

const MINUTE_MS = 60_000
const WARN_LAG_S = 15 * 60
const BREACH_LAG_S = 30 * 60
const LARGE_OUTBOX_BYTES = 1e9
const FULL_QUEUE = 0.5
const LONG_WRITER_S = 15 * 60
const HOUR_S = 3_600
const DAY_S = 24 * HOUR_S
const OVERDUE_RECONCILIATION_S = 36 * HOUR_S
const OVERDUE_COVERAGE_S = 28 * DAY_S
const UNDECIDED_RUNS = 2

/** What conditions look at of data-engine-x, as a relay, or a page, has read it. */
export interface ObservedSource {
  readonly status: Pick<
    RelayStatus,
    | 'leader'
    | 'capture_gaps'
    | 'outbox_bytes'
    | 'notification_queue_usage'
    | 'oldest_writer_s'
    | 'reconciliation'
  > & {
    readonly datasets: readonly (Pick<
      DatasetStatus,
      'dataset' | 'oldest_age_s' | 'dead_letters'
    > & {
      /** There are more dead letters than were counted. */
      readonly has_more_dead_letters?: boolean
    })[]
  }
  /** Of each dataset, rows of which nobody knows what became. */
  readonly differences: ReadonlyMap<string, number>
  /** Age of the newest heartbeat that HQ has, in seconds; undefined where it is not known. */
  readonly heartbeatAgeS: number | undefined
}

function lagConditions(dataset: string, lagS: number): Condition[] {
  if (lagS <= WARN_LAG_S) return []
  const summary = `HQ is ${Math.floor(lagS / 60)} minutes behind in ${dataset}`
  const labels = { dataset }
  return [
    { alert: 'HqExportLagWarning', severity: 'warning', summary, labels, forMs: 2 * MINUTE_MS },
    ...(lagS > BREACH_LAG_S
      ? [{ alert: 'HqExportLagBreach', severity: 'critical', summary, labels, forMs: 0 } as const]
      : []),
  ]
}

/** @param isScheduled false: nothing is compared by itself, so that nothing can be overdue. */
function reconciliationConditions(
  { reconciliation }: ObservedSource['status'],
  isScheduled: boolean,
): Condition[] {
  const { state, undecided_runs, decided_age_s, datasets } = reconciliation
  const conditions: Condition[] = []
  const add = (alert: string, severity: Condition['severity'], summary: string, dataset?: string) =>
    conditions.push({
      ...{ alert, severity, summary, forMs: 0 },
      ...(dataset !== undefined && { labels: { dataset } }),
    })
  if (state === 'different') {
    const summary = 'keys differ between data-engine-x and HQ, and were not all sent once more'
    add('HqExportReconciliationDifferent', 'critical', summary)
  }
  for (const { dataset, cap_reached } of datasets) {
    if (!cap_reached) continue
    const summary = `more of ${dataset} differs than is sent once more by itself`
    add('HqExportRepairCap', 'critical', summary, dataset)
  }
  if (!isScheduled) return conditions
  if (undecided_runs >= UNDECIDED_RUNS) {
    const summary = `the last ${undecided_runs} reconciliations could not be decided`
    add('HqExportReconciliationUndecided', 'warning', summary)
  }
  if (decided_age_s > OVERDUE_RECONCILIATION_S) {
    const summary = `no reconciliation was decided for ${Math.floor(decided_age_s / HOUR_S)} hours`
    add('HqExportReconciliationOverdue', 'warning', summary)
  }
  for (const { dataset, unchecked_s } of datasets) {
    if (unchecked_s <= OVERDUE_COVERAGE_S) continue
    const days = Math.floor(unchecked_s / DAY_S)
    const summary = `rows of ${dataset} have not been compared for ${days} days`
    add('HqExportCoverageOverdue', 'warning', summary, dataset)
  }
  return conditions
}

/**
 * What an operator should know of, as this relay sees it: the relay's share of
 * `deploy/prometheus/alerts.yml`, with the same names and limits. A relay that stands by leaves the
 * source's conditions to the one that leads.
 * @param isScheduled whether everything is compared by itself.
 */
export function relayConditions(
  progress: Pick<RelayProgress, 'state' | 'haltReason'>,
  reading: ObservedSource | undefined,
  isScheduled = true,
): Condition[] {
  const conditions: Condition[] = []
  const add = (
    alert: string,
    severity: Condition['severity'],
    minutes: number,
    summary: string,
    labels: Record<string, string> = {},
  ) => conditions.push({ alert, severity, forMs: minutes * MINUTE_MS, summary, labels })

  if (progress.state === 'halted') {
    add('HqExportHalted', 'critical', 1, `delivery is halted: ${progress.haltReason ?? 'unknown'}`)
  }
  if (reading === undefined) {
    add('HqExportSourceUnreadable', 'critical', 2, 'data-engine-x cannot be read')
    return conditions
  }
  const { status, heartbeatAgeS = 0 } = reading
  if (status.leader === null) {
    add('HqExportNoLeader', 'critical', 2, 'no relay works: changes wait in the outbox')
  } else if (progress.state === 'standby') {
    return conditions
  }
  for (const { dataset, oldest_age_s, dead_letters, has_more_dead_letters } of status.datasets) {
    conditions.push(...lagConditions(dataset, Math.max(oldest_age_s ?? 0, heartbeatAgeS)))
    if (dead_letters > 0) {
      const rows = `${has_more_dead_letters === true ? 'more than ' : ''}${dead_letters} rows`
      const summary = `${rows} of ${dataset} were refused and wait as dead letters`
      add('HqExportDeadLetters', 'warning', 10, summary, { dataset })
    }
  }
  if (status.capture_gaps > 0) {
    const summary = 'changes were made that nobody captured for certain: bind, then backfill'
    add('HqExportCaptureGap', 'critical', 0, summary)
  }
  for (const [dataset, rows] of reading.differences) {
    if (rows === 0) continue
    const summary = `of ${rows} captured rows of ${dataset} it is not known what became`
    add('HqExportBalanceDifference', 'critical', 5, summary, { dataset })
  }
  if (status.outbox_bytes > LARGE_OUTBOX_BYTES) {
    const summary = `the outbox in data-engine-x has ${Math.round(status.outbox_bytes / 1e6)} MB`
    add('HqExportOutboxGrowth', 'warning', 20, summary)
  }
  if (status.notification_queue_usage > FULL_QUEUE) {
    add('HqExportNotificationQueue', 'warning', 5, 'the notification queue is more than half full')
  }
  if ((status.oldest_writer_s ?? 0) > LONG_WRITER_S) {
    const summary = 'a transaction that wrote bound tables is open for more than 15 minutes'
    add('HqExportOpenWriter', 'warning', 5, summary)
  }
  conditions.push(...reconciliationConditions(status, isScheduled))
  return conditions
}
