import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { type Binding, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { type ExportRow, insertExportRow } from './insert-export-row.ts'
import { insertRawRow } from './insert-raw-row.ts'
import type { ReplayableLetter, ReplayPlan } from './plan-replay.ts'
import { raiseVersionBase, refusedVersion } from './raise-version-base.ts'
import { readSnapshotRows, readSourceRow, type SourceRow } from './read-source-row.ts'

/** Nothing of this letter can be sent; the message says why, and holds no value. */
export class NotReplayableError extends Error {
  override readonly name = 'NotReplayableError'
}

const EXHAUSTED = 'HQ holds the highest version there is with other content; correct it in HQ'

const MAX_INT8 = 2n ** 63n - 1n

type Plan<Kind extends ReplayPlan['kind']> = Extract<ReplayPlan, { kind: Kind }>

/**
 * The row as it is now, above every version that HQ has called a conflict: HQ holds that version with other content, as
 * after a failover that lost a commit, and would refuse it again.
 */
async function raisedRow(
  client: pg.ClientBase,
  { dataset, row }: Plan<'current'>,
): Promise<SourceRow> {
  if (row.version === null) return row
  const conflict = await refusedVersion(client, { dataset, key: row.key })
  const version = BigInt(row.version)
  if (conflict === undefined || version > conflict) return row
  if (conflict >= MAX_INT8) throw new NotReplayableError(EXHAUSTED)
  await raiseVersionBase(client, { dataset, key: row.key }, version, conflict)
  return (await readSourceRow(client, dataset, row.key)) ?? row
}

async function sendCurrent(
  client: pg.ClientBase,
  plan: Plan<'current'>,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  const { dataset } = plan
  const row = await raisedRow(client, plan)
  const exported = ({ number }: Dataset, { key, version, body }: SourceRow): ExportRow => ({
    dataset: number,
    key,
    version,
    deleted: false,
    traceparent: letter.traceparent,
    body,
  })
  await insertExportRow(client, exported(dataset, row))
  // Every exported version has its snapshot row; one that HQ has already is a duplicate.
  const bound = binding?.datasets.find((candidate) => candidate.dataset === dataset.name)
  if (bound?.snapshot === undefined) return
  const snapshots: Dataset = datasetByName(SNAPSHOTS_DATASET)
  for (const snapshot of await readSnapshotRows(client, snapshots, dataset, row.key)) {
    await insertExportRow(client, exported(snapshots, snapshot))
  }
}

/** The version in the JSON text of a row, as `row_to_json` prints it. In a value the quotes would have a backslash before them. */
function versionPattern(column: string): RegExp {
  return new RegExp(`"${column}":"(-?\\d+)"`)
}

/** The last state of a deleted entity, above every version that HQ has called a conflict. */
async function raisedDelete(client: pg.ClientBase, { dataset, key, body }: Plan<'stored'>) {
  const pattern = versionPattern(dataset.versionColumn ?? '')
  const stored = pattern.exec(body)?.[1]
  if (stored === undefined) throw new Error(`a row of ${dataset.name} has a version`)
  const conflict = await refusedVersion(client, { dataset, key })
  const version = BigInt(stored)
  if (conflict === undefined || version > conflict) return { version: stored, body }
  if (conflict >= MAX_INT8) throw new NotReplayableError(EXHAUSTED)
  await raiseVersionBase(client, { dataset, key }, version, conflict)
  const raised = String(conflict + 1n)
  return {
    version: raised,
    body: body.replace(pattern, `"${dataset.versionColumn}":"${raised}"`),
  }
}

async function sendStored(
  client: pg.ClientBase,
  plan: Plan<'stored'>,
  letter: ReplayableLetter,
): Promise<void> {
  const { dataset, key } = plan
  const { version, body } =
    dataset.semantics === 'upsert'
      ? await raisedDelete(client, plan)
      : { version: null, body: plan.body }
  const { deleted, traceparent } = letter
  await insertExportRow(client, {
    dataset: dataset.number,
    key,
    version,
    deleted,
    traceparent,
    body,
  })
}

/**
 * Puts into the outbox what a replay has to send, in the open transaction.
 * @throws {NotReplayableError} when no version is left above the one that HQ refused, or the raw row is not under contract.
 */
export async function sendAgain(
  client: pg.ClientBase,
  plan: Plan<'current' | 'stored' | 'raw'>,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  switch (plan.kind) {
    case 'current':
      return sendCurrent(client, plan, letter, binding)
    case 'stored':
      return sendStored(client, plan, letter)
    case 'raw': {
      const { bound, source, raw } = plan
      const sent = await insertRawRow(client, bound, source, { raw, deleted: letter.deleted })
      if (sent === 0) throw new NotReplayableError('the binding filters the row out; discard it')
      return
    }
    default:
      return plan satisfies never
  }
}
