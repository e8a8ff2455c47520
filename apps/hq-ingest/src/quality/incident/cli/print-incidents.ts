import { table } from '@hq-export/runtime/table.ts'
import type { Cause } from '../../verdict.ts'
import { type DismissedCheck, describeDismissed } from '../list-dismissed.ts'
import type { ListedIncident } from '../list-incidents.ts'

function causeOf({ what, name, count, of }: Cause): string {
  return `${what} ${name} (${count} of ${of})`
}

/** Incidents for people, and checks that ask to be changed. */
export function printIncidents(
  incidents: readonly ListedIncident[],
  dismissed: readonly DismissedCheck[],
): string {
  const asking = dismissed.map((each) => {
    const { found, todo } = describeDismissed(each)
    return `${found}; ${todo}`
  })
  return [incidents.length === 0 ? 'no incidents' : listed(incidents), ...asking].join('\n')
}

function listed(incidents: readonly ListedIncident[]): string {
  return table([
    ['id', 'severity', 'source', 'dataset', 'check', 'began', 'failed last', 'stands out'],
    ...incidents.map((incident) => [
      incident.id,
      incident.severity,
      incident.source,
      incident.dataset,
      incident.check,
      incident.beganAt,
      incident.lastFailedAt,
      incident.evidence.worst.slice(0, 1).map(causeOf).join('') || '-',
    ]),
  ])
}

/** One incident for people. */
export function printIncident({ evidence, ...incident }: ListedIncident): string {
  const { worst, metric, rule, value, threshold, baseline, rows, fraction } = evidence
  const measured = { metric, rule, value, threshold, baseline, rows, fraction }
  return table([
    ...Object.entries({ ...incident, ...measured }).map(([name, value]) => [
      name,
      String(value ?? '-'),
    ]),
    ...worst.map((cause) => ['stands out', causeOf(cause)]),
  ])
}
