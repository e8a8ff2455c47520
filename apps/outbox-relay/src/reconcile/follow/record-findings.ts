import { randomUUID } from 'node:crypto'
import {
  type Dataset,
  type DatasetReconciliation,
  FINDING_CLASSES,
  type Finding,
  LIMITS,
  REPAIR_STATES,
} from '@hq-export/contract'
import type pg from 'pg'
import { emptyCost, emptyDataset } from '../empty-dataset.ts'
import type { ReconcileContext, ReconcileRequest, ReconcileResult } from '../reconcile-context.ts'
import { connectRecorder, runRecorded } from '../record/run-recorded.ts'
import { undecidedRun } from '../record/undecided-run.ts'
import { type Repairable, repairKeys, repairOf } from '../repair/repair-keys.ts'
import { repairLimit } from '../repair/repair-limit.ts'

/** What differs of the keys of one dataset, and how many of them were compared. */
export interface Followed {
  readonly dataset: Dataset
  readonly compared: number
  readonly differences: readonly Repairable[]
}

interface Repaired {
  readonly findings: readonly Finding[]
  readonly isCapped: boolean
}

/** Sends once more what is missing or stale, unless it is too much. */
async function repair(
  client: pg.ClientBase,
  { dataset, compared, differences }: Followed,
): Promise<Repaired> {
  const isWanted = ({ finding }: Repairable) => repairOf(finding, dataset) === 'send'
  const wanted = differences.filter(isWanted)
  const isCapped = wanted.length > repairLimit(compared)
  const sent = await repairKeys(client, isCapped ? [] : wanted)
  const findings = differences.map(({ finding }): Finding => {
    const unsent = repairOf(finding, dataset) === 'nothing' ? 'not_repairable' : 'none'
    return { ...finding, repair: sent.get(finding) ?? unsent }
  })
  return { findings, isCapped }
}

function datasetOf(
  { dataset: { name }, compared }: Followed,
  findings: readonly Finding[],
): DatasetReconciliation {
  const isSent = findings.every((finding) => finding.repair === 'sent')
  const state = findings.length === 0 ? 'equal' : isSent ? 'repaired' : 'different'
  const ofClass = (found: Finding['class']) =>
    findings.filter((finding) => finding.class === found).length
  const count = <Name extends string>(names: readonly Name[], of: (finding: Finding) => Name) =>
    Object.fromEntries(
      names.map((each) => [each, findings.filter((finding) => of(finding) === each).length]),
    ) as Record<Name, number>
  return {
    ...emptyDataset(name, state, null),
    source_rows: compared - ofClass('extra'),
    hq_rows: compared - ofClass('missing') - ofClass('foreign'),
    coverage: 1,
    findings: count(FINDING_CLASSES, (finding) => finding.class),
    repairs: count(REPAIR_STATES, (finding) => finding.repair),
  }
}

async function repairAll(
  context: ReconcileContext,
  request: ReconcileRequest,
  followed: readonly Followed[],
): Promise<ReconcileResult> {
  const client = await connectRecorder(context.databaseUrl, () => {})
  try {
    const parts: { dataset: DatasetReconciliation; repaired: Repaired }[] = []
    for (const each of followed) {
      const repaired = await repair(client, each)
      parts.push({ dataset: datasetOf(each, repaired.findings), repaired })
    }
    const states = parts.map(({ dataset }) => dataset.state)
    const { reconciliation } = undecidedRun(context.source, request, '')
    return {
      reconciliation: {
        ...reconciliation,
        state: states.includes('different') ? 'different' : 'repaired',
        datasets: parts.map(({ dataset }) => dataset),
        findings: parts.flatMap(({ repaired }) => repaired.findings).slice(0, LIMITS.maxFindings),
      },
      cost: parts.map(({ dataset, repaired }) => ({
        ...emptyCost(dataset.dataset),
        rechecked: dataset.source_rows,
        capReached: repaired.isCapped,
      })),
    }
  } finally {
    await client.end().catch(() => {}) // a lost session is closed already
  }
}

/** Repairs what a comparison of changed keys found, and records it as a run of its own. */
export async function recordFindings(
  context: ReconcileContext,
  followed: readonly Followed[],
): Promise<void> {
  const request: ReconcileRequest = {
    id: randomUUID(),
    kind: 'follow',
    datasets: followed.map(({ dataset }) => dataset),
    scope: {},
    repair: 'auto',
  }
  await runRecorded(context, request, (running) => repairAll(running, request, followed))
}
