import { isUnfinished } from '@hq-export/outbox-relay/status/read-backfills.ts'
import { count, duration } from '../../page/text.ts'
import type { DatasetFacts } from './dataset-facts.ts'
import type { SourceView } from './read-source.ts'

function backfillOf({ glance }: DatasetFacts): string | undefined {
  const backfill = glance?.backfill ?? null
  if (backfill === null || !isUnfinished(backfill)) return undefined
  const { state, scanned, estimated } = backfill
  return `backfill ${state}, ${count(scanned)} of about ${count(estimated)} rows`
}

/**
 * What happens with a dataset at this moment, in words; says nothing of whether it is equal.
 * undefined where data-engine-x cannot be asked.
 */
export function doingNow(facts: DatasetFacts, source: SourceView | undefined): string | undefined {
  if (source === undefined || facts.glance === undefined) return undefined
  const { leader, reconciliation } = source.glance
  const { waiting_rows, has_more_waiting, oldest_age_s } = facts.glance
  const rows = `${count(waiting_rows)}${has_more_waiting ? '+' : ''} rows`
  const oldest = duration((oldest_age_s ?? 0) * 1_000)
  const waiting = waiting_rows === 0 ? 'nothing waits' : `${rows} wait, the oldest for ${oldest}`
  const parts = [
    leader === null
      ? `no relay works, ${waiting}`
      : waiting === 'nothing waits'
        ? 'idle'
        : `sending: ${waiting}`,
    backfillOf(facts),
    reconciliation.under_way ? 'being compared' : undefined,
  ]
  return parts.filter((part) => part !== undefined).join('; ')
}
