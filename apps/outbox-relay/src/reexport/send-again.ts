import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { type Binding, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { type ExportRow, insertExportRow } from './insert-export-row.ts'
import { insertRawRow } from './insert-raw-row.ts'
import { NotReplayableError } from './not-replayable-error.ts'
import { pastVersion, renumbered, withColumn } from './past-version.ts'
import { betweenVersion, raiseVersionBase, refusedVersion } from './raise-version-base.ts'
import { insertRawVersion } from './raw-version.ts'
import { readSnapshotRows, readSourceRow, type SourceRow } from './read-source-row.ts'
import type { Plan, ReplayableLetter } from './replay-plan.ts'

/**
 * The row as it is now, above every version that HQ has called a conflict: HQ holds that version
 * with other content, as after a failover that lost a commit, and would refuse it again.
 */
async function raisedRow(
  client: pg.ClientBase,
  dataset: Dataset,
  row: SourceRow,
  conflict: bigint | undefined,
): Promise<SourceRow> {
  if (row.version === null || conflict === undefined) return row
  await raiseVersionBase(client, { dataset, key: row.key }, BigInt(row.version), conflict)
  return (await readSourceRow(client, dataset, row.key)) ?? row
}

/**
 * Puts an entity, or an append-only row, into the outbox as it is, in the open transaction; with it
 * the snapshot of its version, which HQ may have already.
 * @returns the snapshots that went with it.
 */
export async function sendRow(
  client: pg.ClientBase,
  dataset: Dataset,
  row: SourceRow,
  traceparent: string | null,
  binding: Binding | undefined,
): Promise<SourceRow[]> {
  const exported = ({ number }: Dataset, { key, version, body }: SourceRow): ExportRow => ({
    dataset: number,
    key,
    version,
    deleted: false,
    traceparent,
    body,
  })
  await insertExportRow(client, exported(dataset, row))
  const bound = binding?.datasets.find((candidate) => candidate.dataset === dataset.name)
  if (bound?.snapshot === undefined) return []
  const snapshots: Dataset = datasetByName(SNAPSHOTS_DATASET)
  const current = await readSnapshotRows(client, snapshots, dataset, row.key)
  for (const snapshot of current) await insertExportRow(client, exported(snapshots, snapshot))
  return current
}

async function sendCurrent(
  client: pg.ClientBase,
  { dataset, row }: Plan<'current'>,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  const conflict =
    row.version === null ? undefined : await refusedVersion(client, { dataset, key: row.key })
  const raised = await raisedRow(client, dataset, row, conflict)
  await sendRow(client, dataset, raised, letter.traceparent, binding)
}

/** The last state of a deleted entity, above every version that HQ has called a conflict. */
async function sendDelete(
  client: pg.ClientBase,
  { dataset, key, body }: Plan<'stored'>,
  traceparent: string | null,
  conflict: bigint | undefined,
): Promise<void> {
  const column = dataset.versionColumn ?? ''
  const stored = new RegExp(`"${column}":"(-?\\d+)"`).exec(body)?.[1]
  if (stored === undefined) throw new Error(`a row of ${dataset.name} has a version`)
  const version =
    conflict === undefined
      ? stored
      : String(await raiseVersionBase(client, { dataset, key }, BigInt(stored), conflict))
  await insertExportRow(client, {
    dataset: dataset.number,
    key,
    version,
    deleted: true,
    traceparent,
    body: withColumn(body, column, version),
  })
}

async function sendStored(
  client: pg.ClientBase,
  plan: Plan<'stored'>,
  { traceparent }: ReplayableLetter,
): Promise<void> {
  const { dataset, key, body, deleted } = plan
  if (deleted) return sendDelete(client, plan, traceparent, await refusedVersion(client, plan))
  const { number } = dataset
  await insertExportRow(client, { dataset: number, key, version: null, deleted, traceparent, body })
}

/** The entity of a version that HQ holds with other content, above it. */
async function sendEntity(
  client: pg.ClientBase,
  { snapshot: { version }, entity }: Plan<'version'>,
  traceparent: string | null,
  binding: Binding | undefined,
): Promise<SourceRow[]> {
  if (entity.kind === 'stored') {
    await sendDelete(client, entity, traceparent, version)
    return []
  }
  const raised = await raisedRow(client, entity.dataset, entity.row, version)
  return sendRow(client, entity.dataset, raised, traceparent, binding)
}

/**
 * The entity above the version that HQ holds with other content; the refused version itself under a
 * number that is free.
 */
async function sendVersion(
  client: pg.ClientBase,
  plan: Plan<'version'>,
  { traceparent }: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  const { snapshot } = plan
  for (const { body } of await sendEntity(client, plan, traceparent, binding)) {
    const { version } = pastVersion(body)
    // The refused version is the current one: it has just been sent.
    if ((await renumbered(client, snapshot, version)).body === body) return
  }
  const free = await renumbered(client, snapshot, betweenVersion(snapshot.version))
  const { number } = datasetByName(SNAPSHOTS_DATASET)
  const row = { ...free, dataset: number, version: null, deleted: false, traceparent }
  await insertExportRow(client, row)
}

function refuseFiltered(sent: number): void {
  if (sent === 0) throw new NotReplayableError('the binding filters the row out; discard it')
}

/**
 * Puts into the outbox what a replay has to send, in the open transaction.
 * @throws {NotReplayableError} when no version is left above the one that HQ refused, or the raw
 * row is not under contract.
 */
export async function sendAgain(
  client: pg.ClientBase,
  plan: Plan<'current' | 'version' | 'stored' | 'raw' | 'raw-version'>,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  switch (plan.kind) {
    case 'current':
      return sendCurrent(client, plan, letter, binding)
    case 'version':
      return sendVersion(client, plan, letter, binding)
    case 'stored':
      return sendStored(client, plan, letter)
    case 'raw': {
      const { bound, source, raw } = plan
      return refuseFiltered(
        await insertRawRow(client, bound, source, { raw, deleted: letter.deleted }),
      )
    }
    case 'raw-version':
      return refuseFiltered(await insertRawVersion(client, plan.version))
    default:
      return plan satisfies never
  }
}
