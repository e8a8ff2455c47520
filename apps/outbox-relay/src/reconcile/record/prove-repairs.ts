import { datasetByName, LIMITS } from '@hq-export/contract'
import type pg from 'pg'
import { SNAPSHOTS_DATASET } from '../../binding/binding-schema.ts'
import { compareKeys } from '../compare-keys.ts'
import type { ReconcileContext } from '../reconcile-context.ts'
import {
  listUnproven,
  proveReconciliation,
  type ReconciliationRecord,
} from './reconciliation-record.ts'
import { tellHq } from './tell-hq.ts'

/**
 * Keys that a run had sent once more, by dataset. Undefined where only a run that reads the whole
 * dataset can prove it: not all of them are listed, or there are snapshots, which are looked up by
 * their entity.
 */
function sentKeys({ run, findings }: ReconciliationRecord): Map<string, string[]> | undefined {
  const keys = new Map<string, string[]>()
  for (const { dataset, key, repair } of findings) {
    if (repair === 'sent') keys.set(dataset, [...(keys.get(dataset) ?? []), key])
  }
  const isWhole = (run?.datasets ?? []).every(
    ({ dataset, repairs }) => (repairs.sent ?? 0) === (keys.get(dataset)?.length ?? 0),
  )
  return isWhole && !keys.has(SNAPSHOTS_DATASET) ? keys : undefined
}

async function areEqual(
  context: ReconcileContext,
  name: string,
  keys: readonly string[],
): Promise<boolean> {
  const dataset = datasetByName(name)
  if (dataset === undefined) return false
  for (let at = 0; at < keys.length; at += LIMITS.maxDigestKeys) {
    const some = keys.slice(at, at + LIMITS.maxDigestKeys)
    const { verdicts } = await compareKeys(context, dataset, some)
    const equal = verdicts.filter(({ verdict }) => verdict === 'equal')
    if (equal.length < some.length) return false
  }
  return true
}

/**
 * Reads the keys once more that runs had sent once more; those of which all are equal by now are
 * proven, and HQ is told so.
 * @param by id of the run that does so; null for the reader that follows changes.
 */
export async function proveRepairs(
  client: pg.ClientBase,
  context: ReconcileContext,
  by: string | null,
): Promise<void> {
  let provenRuns = 0
  for (const record of await listUnproven(client)) {
    if (record.id === by) continue
    const keys = sentKeys(record)
    if (keys === undefined) continue
    let isProven = true
    for (const [name, some] of keys) isProven &&= await areEqual(context, name, some)
    if (!isProven || context.stopping.aborted) continue
    await proveReconciliation(client, record.number, by)
    provenRuns++
  }
  if (provenRuns > 0) await tellHq(client, context)
}
