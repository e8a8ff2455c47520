import { ingestConditions } from '@hq-export/hq-ingest/metrics/conditions.ts'
import type { Condition } from '@hq-export/observability/notifier.ts'
import { relayConditions } from '@hq-export/outbox-relay/observe/conditions.ts'
import { COUNT_LIMIT } from '../../page/text.ts'
import type { Sides } from './dataset-facts.ts'
import type { HqView } from './read-hq.ts'

function quarantineOf({ refused }: HqView) {
  const datasets = new Map<string, number>()
  for (const { dataset, rows } of refused) {
    datasets.set(dataset, (datasets.get(dataset) ?? 0) + rows)
  }
  return [...datasets].map(([dataset, rows]) => ({
    dataset,
    depth: Math.min(rows, COUNT_LIMIT),
    has_more: rows > COUNT_LIMIT,
  }))
}

/**
 * The conditions of both apps that hold now, the worst first; those of a side that could not be
 * asked are not among them. That a relay is halted only it knows: here it shows as lag.
 */
export function alertsThatHold({ hq, source }: Sides): Condition[] {
  const heartbeats = hq?.heartbeats.map(({ seconds }) => seconds) ?? []
  const heartbeatAgeS = heartbeats.length === 0 ? undefined : Math.max(...heartbeats)
  const conditions = [
    ...(source === undefined
      ? []
      : relayConditions(
          { state: 'working', haltReason: undefined },
          {
            status: source.glance,
            heartbeatAgeS,
            // As HQ was told: to count the balance takes as long as much was captured.
            differences: hq?.differences ?? new Map(),
          },
        )),
    ...(hq === undefined
      ? []
      : ingestConditions({
          quarantine: quarantineOf(hq),
          keys: hq.keyEnds,
          incidents: hq.incidents,
        })),
  ]
  const rank = ({ severity }: Condition) => (severity === 'critical' ? 0 : 1)
  return conditions.toSorted((a, b) => rank(a) - rank(b))
}
