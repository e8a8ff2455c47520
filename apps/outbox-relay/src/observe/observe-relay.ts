import { FINDING_CLASSES, RECONCILIATION_STATES } from '@hq-export/contract'
import { readingGauges, sinceReading } from '@hq-export/observability/reading-gauges.ts'
import type { Meter } from '@opentelemetry/api'
import type { RelayProgress, RelayState } from './relay-progress.ts'
import type { SourceReading } from './watch-source.ts'

const STATES: readonly RelayState[] = ['stopped', 'connecting', 'standby', 'working', 'halted']

/** Gauges over what this process is doing. */
export function observeRelay(meter: Meter, progress: () => RelayProgress): void {
  meter
    .createObservableGauge('hq.relay.state', {
      description: '1 for the state that this relay is in',
    })
    .addCallback((result) => {
      const { state } = progress()
      for (const name of STATES) result.observe(name === state ? 1 : 0, { state: name })
    })
  meter
    .createObservableGauge('hq.relay.in_flight', {
      unit: '{batch}',
      description: 'attempts under way',
    })
    .addCallback((result) => result.observe(progress().breaker?.active ?? 0))
  meter
    .createObservableGauge('hq.relay.in_flight.limit', {
      unit: '{batch}',
      description: 'attempts that HQ has shown to take at once; 1 while only a probe is made',
    })
    .addCallback((result) => result.observe(progress().breaker?.limit ?? 0))
  meter
    .createObservableGauge('hq.relay.complete_through.age', {
      unit: 's',
      description: 'since the moment up to which HQ was told that it has everything',
    })
    .addCallback((result) => {
      for (const [dataset, at] of progress().completeThrough) {
        result.observe((performance.now() - at) / 1000, { dataset })
      }
    })
}

/**
 * Gauges over the last reading of data-engine-x, from the source's point of view and on its clock.
 */
export function observeSource(meter: Meter, read: () => SourceReading | undefined): void {
  const gauge = readingGauges(meter, read)
  meter
    .createObservableGauge('hq.relay.source.up', {
      description: '1 while data-engine-x can be read',
    })
    .addCallback((result) => result.observe(read() === undefined ? 0 : 1))
  gauge('hq.relay.leader', '', '1 if some relay leads', (result, { status }) =>
    result.observe(status.leader === null ? 0 : 1),
  )
  gauge('hq.relay.waiting.rows', '{row}', 'rows that HQ has not decided', (result, { status }) => {
    for (const { dataset, waiting_rows } of status.datasets)
      result.observe(waiting_rows, { dataset })
  })
  gauge('hq.relay.waiting.age', 's', 'age of the oldest of them', (result, reading) => {
    for (const { dataset, oldest_age_s } of reading.status.datasets) {
      result.observe(ageOf(oldest_age_s, reading), { dataset })
    }
  })
  gauge(
    'hq.relay.heartbeat.age',
    's',
    'age of the newest heartbeat that HQ committed',
    (result, reading) => {
      const age = heartbeatAge(reading)
      if (age !== undefined) result.observe(age)
    },
  )
  gauge(
    'hq.relay.lag',
    's',
    'how far HQ is behind: the oldest waiting row or the heartbeat, whichever is older',
    (result, reading) => {
      const heartbeat = heartbeatAge(reading) ?? 0
      for (const { dataset, oldest_age_s } of reading.status.datasets) {
        result.observe(Math.max(ageOf(oldest_age_s, reading), heartbeat), { dataset })
      }
    },
  )
  gauge('hq.relay.dead_letter.depth', '{row}', 'open dead letters', (result, { status }) => {
    for (const { dataset, dead_letters } of status.datasets)
      result.observe(dead_letters, { dataset })
  })
  gauge('hq.relay.outbox.size', 'By', 'outbox tables with indexes', (result, { status }) =>
    result.observe(status.outbox_bytes),
  )
  gauge(
    'hq.relay.notification_queue.usage',
    '1',
    'how full the notification queue is',
    (result, { status }) => result.observe(status.notification_queue_usage),
  )
  gauge(
    'hq.relay.open_writer.age',
    's',
    'oldest open transaction that wrote to the outbox',
    (result, reading) => result.observe(ageOf(reading.status.oldest_writer_s, reading)),
  )
  gauge(
    'hq.relay.capture_gap.count',
    '{statement}',
    'open gaps: statements and changes of the source not captured for certain',
    (result, { status }) => result.observe(status.capture_gaps),
  )
}

/** Gauge over whether what was captured is what became of it. */
export function observeBalance(meter: Meter, read: () => SourceReading | undefined): void {
  readingGauges(meter, read)(
    'hq.relay.balance.difference',
    '{row}',
    'captured rows of which it is not known what became, or more than one thing',
    (result, { differences }) => {
      for (const [dataset, rows] of differences) result.observe(rows, { dataset })
    },
  )
}

/**
 * Gauges over what is known of both sides being equal.
 * @param isScheduled false: nothing is compared by itself, so that nothing can be overdue.
 */
export function observeReconciliation(
  meter: Meter,
  read: () => SourceReading | undefined,
  isScheduled: boolean,
): void {
  const gauge = readingGauges(meter, read)
  gauge(
    'hq.relay.reconciliation.state',
    '',
    '1 for what the last reconciliation of everything came to',
    (result, { status: { reconciliation } }) => {
      for (const state of RECONCILIATION_STATES) {
        result.observe(state === reconciliation.state ? 1 : 0, { state })
      }
    },
  )
  gauge(
    'hq.relay.reconciliation.findings',
    '{row}',
    'keys that differed at the last decided one',
    (result, { status: { reconciliation } }) => {
      for (const { dataset, findings } of reconciliation.datasets) {
        for (const name of FINDING_CLASSES) {
          result.observe(findings[name], { dataset, class: name })
        }
      }
    },
  )
  gauge(
    'hq.relay.reconciliation.repairs',
    '{row}',
    'keys that it sent once more',
    (result, { status: { reconciliation } }) => {
      for (const { dataset, sent } of reconciliation.datasets) result.observe(sent, { dataset })
    },
  )
  gauge(
    'hq.relay.reconciliation.cap_reached',
    '',
    '1 where more differed than is sent once more by itself',
    (result, { status: { reconciliation } }) => {
      for (const { dataset, cap_reached } of reconciliation.datasets) {
        result.observe(cap_reached ? 1 : 0, { dataset })
      }
    },
  )
  gauge(
    'hq.relay.reconciliation.coverage',
    '1',
    'least share of the rows of a dataset that the last one compared',
    (result, { status: { reconciliation } }) => {
      if (reconciliation.coverage !== null) result.observe(reconciliation.coverage)
    },
  )
  gauge(
    'hq.relay.reconciliation.duration',
    's',
    'how long the last one took',
    (result, { status: { reconciliation } }) => {
      if (reconciliation.last_duration_s !== null) result.observe(reconciliation.last_duration_s)
    },
  )
  gauge(
    'hq.relay.follow.keys',
    '{row}',
    'keys that changed and were compared since a day or less',
    (result, { status: { reconciliation } }) => {
      if (reconciliation.follow !== null) result.observe(reconciliation.follow.keys)
    },
  )
  gauge(
    'hq.relay.follow.share',
    '1',
    'share of the keys that changed which was compared',
    (result, { status: { reconciliation } }) => {
      if (reconciliation.follow?.share != null) result.observe(reconciliation.follow.share)
    },
  )
  if (!isScheduled) return
  gauge(
    'hq.relay.reconciliation.age',
    's',
    'since a reconciliation of everything was decided, or could have been',
    (result, reading) => {
      result.observe(ageOf(reading.status.reconciliation.decided_age_s, reading))
    },
  )
  gauge(
    'hq.relay.reconciliation.undecided',
    '{run}',
    'reconciliations of everything since then that were undecided',
    (result, { status: { reconciliation } }) => result.observe(reconciliation.undecided_runs),
  )
  gauge(
    'hq.relay.reconciliation.unchecked.age',
    's',
    'since the rows that wait longest were compared, or could have been',
    (result, reading) => {
      for (const { dataset, unchecked_s } of reading.status.reconciliation.datasets) {
        result.observe(ageOf(unchecked_s, reading), { dataset })
      }
    },
  )
}

/** Ages go on between two readings; 0 where there is nothing that ages. */
function ageOf(seconds: number | null, reading: SourceReading): number {
  return seconds === null ? 0 : seconds + sinceReading(reading)
}

function heartbeatAge(reading: SourceReading): number | undefined {
  const { heartbeatAgeS } = reading
  return heartbeatAgeS === undefined ? undefined : heartbeatAgeS + sinceReading(reading)
}
