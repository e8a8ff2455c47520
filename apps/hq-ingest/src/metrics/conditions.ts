import type { Condition } from '@hq-export/telemetry/notifier.ts'
import type { HqReading } from './watch-hq.ts'

const MINUTE_MS = 60_000

/** What an operator should know of, as this gateway sees it: the gateway's share of `deploy/prometheus/alerts.yml`. */
export function ingestConditions(reading: HqReading | undefined): Condition[] {
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
  return reading.quarantine.map(({ dataset, depth }) => ({
    alert: 'HqExportQuarantine',
    severity: 'warning',
    summary: `${depth} rows of ${dataset} wait in quarantine`,
    labels: { dataset },
    forMs: 10 * MINUTE_MS,
  }))
}
