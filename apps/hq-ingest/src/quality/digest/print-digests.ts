import { describeDismissed } from '../incident/list-dismissed.ts'
import type { NamedCheck, WeekDigest, WeekIncident } from './week-digest.ts'

function named(title: string, checks: readonly NamedCheck[]): string[] {
  return checks.map(({ dataset, check }) => `  ${title.padEnd(16)}${check} of ${dataset}`)
}

function incidentLine({ id, dataset, check, severity, beganAt, ...over }: WeekIncident): string {
  const { closedAt, isAccepted } = over
  const end = closedAt === null ? 'open' : `${isAccepted ? 'accepted' : 'closed'} ${closedAt}`
  const what = `${id} ${severity} ${check} of ${dataset}`
  return `  ${'incident'.padEnd(16)}${what}, began ${beganAt}, ${end}`
}

/** For a terminal. */
export function printDigests(digests: readonly WeekDigest[]): string {
  if (digests.length === 0) return 'no rows are summed up yet: nothing can be told'
  return digests
    .flatMap(({ source, week, incidents, neverFired, firedFalsely, dismissed }) => [
      `${source}, week of ${week}: ${incidents.length} incidents`,
      ...incidents.map(incidentLine),
      ...dismissed.map((each) => {
        const { found, todo } = describeDismissed(each)
        return `  ${'CHANGE'.padEnd(16)}${found}; ${todo}`
      }),
      ...named('false alone', firedFalsely),
      ...named('never fired', neverFired),
    ])
    .join('\n')
}
