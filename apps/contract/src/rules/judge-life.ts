import { DATASET_STATUSES, type Deprecation, type Lock } from '@hq-export/contract'
import type { ContractState } from '../records/contract-state.ts'
import type { Finding } from './finding.ts'
import { obstaclesTo } from './retirement.ts'

const PUBLISHED: readonly string[] = ['active', 'deprecated']

/** Where versions stand in their lives, whatever was before. */
export function judgeLives(state: ContractState): Finding[] {
  const { datasets } = state.lock
  return Object.entries(datasets).flatMap(([subject, dataset]): Finding[] => {
    const { status, deprecation, retired_on } = dataset
    if (status === 'retired') return obstaclesTo(subject, dataset, state, retired_on ?? '')
    if (status !== 'deprecated') return []
    const successors = deprecation?.successors ?? []
    const unknown = successors.filter((name) => datasets[name] === undefined || name === subject)
    if (successors.length === 0 || unknown.length > 0) {
      const after = successors.length === 0 ? null : unknown.join(', ')
      const rule = 'DEPRECATION_REQUIRES_SUCCESSOR'
      return [{ rule, subject, member: 'deprecation', before: null, after }]
    }
    return successors
      .filter((name) => !PUBLISHED.includes(datasets[name]?.status ?? ''))
      .map((name) => ({
        rule: 'DUAL_PUBLISH_REQUIRED',
        subject,
        member: 'deprecation',
        before: 'published beside its successors',
        after: `${name} is ${datasets[name]?.status}`,
      }))
  })
}

function compareDeprecations(
  subject: string,
  old: Deprecation,
  now: Deprecation | null,
): Finding[] {
  const change = { subject, member: 'deprecation' }
  const told = ({ release, date, successors }: Deprecation) =>
    `in ${release}, on ${date}, for ${successors.join(', ')}`
  const sunset = now?.sunset ?? null
  return [
    ...(now === null || told(old) !== told(now)
      ? [
          {
            ...change,
            rule: 'DEPRECATION_SAME' as const,
            before: told(old),
            after: now === null ? null : told(now),
          },
        ]
      : []),
    ...(sunset !== null && sunset < old.sunset
      ? [{ ...change, rule: 'SUNSET_NO_EARLIER' as const, before: old.sunset, after: sunset }]
      : []),
  ]
}

/** What has become of the lives of versions between two locks. */
export function compareLives(before: Lock, after: Lock): Finding[] {
  return Object.entries(before.datasets).flatMap(([subject, old]): Finding[] => {
    const now = after.datasets[subject]
    if (now === undefined) return []
    const step = DATASET_STATUSES.indexOf(now.status) - DATASET_STATUSES.indexOf(old.status)
    const change = { subject, member: 'status', before: old.status, after: now.status }
    return [
      ...(step < 0 || step > 1 ? [{ ...change, rule: 'STATUS_NO_RETURN' as const }] : []),
      ...(old.deprecation === null
        ? []
        : compareDeprecations(subject, old.deprecation, now.deprecation)),
    ]
  })
}
