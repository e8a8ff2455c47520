import { OUTCOMES } from '@hq-export/contract'
import { table } from '@hq-export/runtime/table.ts'
import type { BackfillRecord } from '../backfill-record.ts'
import { totalsOf } from '../progress.ts'

/** A backfill as `--json` prints it. */
export function backfillFacts(record: BackfillRecord) {
  const { id, state, reason, requestedAt, finishedAt, selection, progress } = record
  const { scanned, estimated, refused, counts } = totalsOf(progress)
  const seconds = progress.activeMs / 1000
  return {
    id,
    state,
    reason,
    dataset: selection.dataset ?? 'all',
    since: selection.since,
    until: selection.until,
    org: selection.orgId,
    requested_at: requestedAt,
    finished_at: finishedAt,
    /** Rows of the source that were looked at, and how many there will be. */
    scanned,
    estimated,
    /** Rows that HQ has decided, by outcome. */
    counts,
    refused,
    active_s: seconds,
    rows_per_s: seconds === 0 ? null : Math.round(counts.received / seconds),
    passes: progress.passes.map((pass) => ({
      dataset: pass.dataset,
      kind: pass.kind,
      done: pass.isDone,
      scanned: pass.scanned,
      estimated: pass.estimated,
      counts: pass.counts,
      refused: pass.refused,
    })),
  }
}

/** What became of a backfill, for people. */
export function describeBackfill(record: BackfillRecord): string {
  const { state, reason, counts, refused, active_s, rows_per_s } = backfillFacts(record)
  const outcomes = OUTCOMES.filter((outcome) => counts[outcome] > 0)
  const parts = outcomes.map((outcome) => `${counts[outcome]} ${outcome}`)
  const rows = parts.length === 0 ? 'no row' : parts.join(', ')
  const rate = rows_per_s === null ? '' : ` in ${active_s.toFixed(1)} s (${rows_per_s} rows/s)`
  return [
    `backfill ${record.id} is ${state}${reason === null ? '' : `: ${reason}`}`,
    `HQ decided ${counts.received} rows${rate}: ${rows}`,
    ...(refused === 0
      ? []
      : [`${refused} were refused and are dead letters; see: npm run relay -- dead-letters list`]),
  ].join('\n')
}

/** Backfills for people, the newest first. */
export function describeBackfills(records: readonly BackfillRecord[]): string {
  if (records.length === 0) return 'no backfill'
  const facts = records.map(backfillFacts)
  return table([
    [
      'id',
      'state',
      'dataset',
      'since',
      'until',
      'org',
      'looked at',
      'of about',
      'acknowledged',
      'refused',
      'reason',
    ],
    ...facts.map(
      ({ id, state, dataset, since, until, org, scanned, estimated, counts, refused, reason }) => [
        id,
        state,
        dataset,
        since ?? '-',
        until ?? '-',
        org ?? '-',
        String(scanned),
        String(estimated),
        String(counts.received),
        String(refused),
        reason ?? '-',
      ],
    ),
  ])
}
