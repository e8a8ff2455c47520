import type { Condition } from '@hq-export/observability/notifier.ts'
import type { HqReading } from './watch-hq.ts'

const MINUTE_MS = 60_000
const DAY_S = 86_400
const EXPIRY_WARNING_S = 7 * DAY_S

/** What conditions look at of HQ, as a gateway, or a page, has read it. */
export interface ObservedHq extends Pick<HqReading, 'keys' | 'incidents'> {
  readonly quarantine: readonly {
    readonly dataset: string
    readonly depth: number
    /** There are more than were counted. */
    readonly has_more?: boolean
  }[]
}

/**
 * What an operator should know of, as this gateway sees it: the gateway's share of
 * `deploy/prometheus/alerts.yml`.
 */
export function ingestConditions(reading: ObservedHq | undefined): Condition[] {
  if (reading === undefined) {
    return [
      {
        alert: 'HqExportGatewayNotReady',
        severity: 'critical',
        summary: 'the gateway cannot read HQ',
        forMs: 2 * MINUTE_MS,
      },
    ]
  }
  const quarantined = reading.quarantine.map(
    ({ dataset, depth, has_more }): Condition => ({
      alert: 'HqExportQuarantine',
      severity: 'warning',
      summary:
        `${has_more === true ? 'more than ' : ''}${depth} rows of ${dataset} ` +
        'wait in quarantine',
      labels: { dataset },
      forMs: 10 * MINUTE_MS,
    }),
  )
  const expiring = reading.keys
    .filter(({ expiry_s }) => expiry_s < EXPIRY_WARNING_S)
    .map(
      ({ source, expiry_s }): Condition => ({
        alert: 'HqExportKeyExpiring',
        severity: 'warning',
        summary: `the last key of ${source} ends in ${(expiry_s / DAY_S).toFixed(1)} days`,
        labels: { source },
        forMs: 0,
      }),
    )
  const incidents = reading.incidents.map(
    ({ dataset, check, severity }): Condition => ({
      alert: severity === 'page' ? 'HqExportQualityFails' : 'HqExportQualityDrifts',
      severity: severity === 'page' ? 'critical' : 'warning',
      summary: `${check} of ${dataset} fails`,
      labels: { dataset, check },
      forMs: 0,
    }),
  )
  return [...quarantined, ...expiring, ...incidents]
}
