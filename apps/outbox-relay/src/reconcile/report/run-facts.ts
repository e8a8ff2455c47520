import { FINDING_CLASSES, type FindingClass } from '@hq-export/contract'
import type { ReconcileCost } from '../reconcile-context.ts'
import { type ReconciliationRecord, stateOf } from '../record/reconciliation-record.ts'

function costFacts(cost: ReconcileCost) {
  return {
    dataset: cost.dataset,
    ranges: cost.ranges,
    source_s: cost.sourceSeconds,
    fence_s: cost.fenceSeconds,
    hq_s: cost.hqSeconds,
    dirty_buckets: cost.dirtyBuckets,
    rechecked: cost.rechecked,
    cap_reached: cost.capReached,
    oldest_range_s: cost.oldestRangeSeconds,
    source_snapshots: cost.sourceSnapshots ?? null,
    hq_snapshots: cost.hqSnapshots ?? null,
  }
}

/** The gateway's program; null where nobody knows. */
export function hqVersionOf({ cost }: ReconciliationRecord): string | null {
  return cost.find(({ hqVersion }) => hqVersion != null)?.hqVersion ?? null
}

/** The snapshots of a side, for people. */
export function describeSnapshots(snapshots: ReconcileCost['sourceSnapshots']): string {
  if (snapshots == null) return '-'
  const [first, last] = snapshots
  return first === last ? first : `${first} to ${last}`
}

/** A reconciliation as it is stored, without its findings. */
export function runFacts(record: ReconciliationRecord) {
  const { id, kind, state, reason, request, run, cost } = record
  return {
    id,
    kind,
    state,
    reason,
    under_way: record.isUnderWay,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    told_at: record.toldAt,
    proven_at: record.provenAt,
    proven_by: record.provenBy,
    request,
    source: run?.source ?? null,
    version: run?.version ?? null,
    hq_version: hqVersionOf(record),
    datasets: (run?.datasets ?? []).map((dataset) => ({
      ...dataset,
      state: stateOf(record, dataset),
    })),
    cost: cost.map(costFacts),
  }
}

/** The same with the first of the findings. */
export function runFactsWithFindings(record: ReconciliationRecord) {
  return { ...runFacts(record), findings: record.findings }
}

/** Findings of all datasets, of these classes. */
export function countFindings(
  { run }: ReconciliationRecord,
  classes: readonly FindingClass[],
): number {
  const counts = (run?.datasets ?? []).flatMap(({ findings }) =>
    classes.map((name) => findings[name] ?? 0),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Datasets of which more differs than a run sends once more by itself. */
function cappedDatasets({ cost }: ReconciliationRecord): string[] {
  return cost.filter(({ capReached }) => capReached).map(({ dataset }) => dataset)
}

/** What was compared, in words; every bound dataset where nothing is said. */
export function describeScope({ request: { datasets, scope } }: ReconciliationRecord): string {
  const { org_id, since, until, from, before, sample } = scope
  return [
    datasets === null ? 'every bound dataset' : datasets.join(', '),
    ...(org_id === undefined ? [] : [`org ${org_id}`]),
    ...(since === undefined ? [] : [`since ${since}`]),
    ...(until === undefined ? [] : [`until ${until}`]),
    ...(from === undefined ? [] : [`from key ${from.join('/')}`]),
    ...(before === undefined ? [] : [`before key ${before.join('/')}`]),
    ...(sample === undefined ? [] : [`a sample of 1/${sample}`]),
  ].join(', ')
}

/** Seconds between two instants; null where there is no end. */
export function durationSeconds({ startedAt, finishedAt }: ReconciliationRecord): number | null {
  if (finishedAt === null) return null
  return Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)
}

/** Share of the rows in scope that was compared; 0 where nothing is known. */
export function coverageOf({ run }: ReconciliationRecord): number {
  const datasets = run?.datasets ?? []
  return datasets.length === 0 ? 0 : Math.min(...datasets.map(({ coverage }) => coverage))
}

/** A number as people read it. */
export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

/** A share as a percentage that is 100 only where it is whole. */
export function percent(share: number): string {
  if (share >= 1) return '100 %'
  return `${(Math.floor(share * 1000) / 10).toFixed(1)} %`
}

/** What is to be known of a run before its datasets, by name, for people. */
export function runEntries(record: ReconciliationRecord): [string, string][] {
  const { run, request, findings } = record
  const seconds = durationSeconds(record)
  const datasets = run?.datasets ?? []
  const rows = datasets.reduce((sum, { source_rows }) => sum + source_rows, 0)
  const inFlight = datasets.reduce((sum, { in_flight }) => sum + in_flight, 0)
  return [
    ['run', record.id],
    ['source', run?.source ?? '-'],
    ['began by', record.kind],
    ['scope', describeScope(record)],
    ['repair', request.repair],
    ['began', record.startedAt],
    ['ended', record.finishedAt ?? (record.isUnderWay ? 'under way' : 'never')],
    ['duration', seconds === null ? '-' : `${seconds.toFixed(1)} s`],
    ['rows/s', seconds === null || seconds === 0 ? '-' : count(Math.round(rows / seconds))],
    ['rows of the source', count(rows)],
    ['compared', percent(coverageOf(record))],
    ['keys that changed all the while, left out', count(inFlight)],
    ['findings', `${count(countFindings(record, FINDING_CLASSES))}, ${findings.length} listed`],
    ['read again and equal', record.provenAt ?? '-'],
    ['version of the relay', run?.version ?? '-'],
    ['version of the gateway', hqVersionOf(record) ?? '-'],
  ]
}

/** What to do next, for people; undefined where there is nothing. */
export function nextStep(record: ReconciliationRecord): string | undefined {
  const { state, kind, isUnderWay } = record
  const again = 'npm run relay -- reconcile'
  switch (state) {
    case 'equal':
      return undefined
    case 'undecided':
      if (isUnderWay) return 'wait for it; see: npm run relay -- reconcile list'
      if (record.request.scope.sample !== undefined) {
        return `a sample proves nothing; compare all: ${again}`
      }
      return `look: npm run relay -- doctor, then run it once more: ${again}`
    case 'repaired':
      return `once it is delivered, only a later reading proves it: ${again}`
    case 'different': {
      const capped = cappedDatasets(record)
      const steps = [
        ...capped.map((name) => `too much to repair: npm run relay -- backfill --dataset ${name}`),
        ...(countFindings(record, ['ahead']) > 0
          ? ['HQ is ahead: was the source restored? see docs/RUNBOOK.md']
          : []),
        ...(countFindings(record, ['extra']) > 0
          ? ['HQ has rows that the source has not: see docs/RUNBOOK.md']
          : []),
        ...(countFindings(record, ['foreign']) > 0
          ? ['HQ has keys as rows of another source: see docs/RUNBOOK.md']
          : []),
      ]
      if (steps.length > 0) return steps.join('\n')
      return record.request.repair === 'all' || kind !== 'command'
        ? `what could not be sent is named by: ${again} show ${record.id}`
        : `send what differs once more: ${again} --repair`
    }
    default:
      return state satisfies never
  }
}
