import { datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { type Binding, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { insertExportRow } from '../reexport/insert-export-row.ts'
import { insertKeys } from '../reexport/insert-keys.ts'
import { insertRawRow } from '../reexport/insert-raw-row.ts'
import { NotReplayableError } from '../reexport/not-replayable-error.ts'
import { noteKey } from '../reexport/note-key.ts'
import { insertRawVersion } from '../reexport/raw-version.ts'
import { readVersion } from '../reexport/read-source-row.ts'
import { renumbered, withColumn } from './past-version.ts'
import { betweenVersion, raiseVersionBase, refusedVersion } from './raise-version-base.ts'
import { readCapturedBody } from './read-captured-body.ts'
import type { Plan, ReplayableLetter } from './replay-plan.ts'

const GONE = 'the source has the row no more; try again'

async function sendCurrent(
  client: pg.ClientBase,
  { dataset, row }: Plan<'current'>,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<void> {
  const { key, version } = row
  const { id, traceparent } = letter
  if (version === null) {
    // Nobody else would send it, should it be gone before the loop comes to it.
    const sent = await insertKeys(client, binding, dataset, [{ key, traceparent }])
    if (sent === 0) throw new NotReplayableError(GONE)
    return
  }
  const conflict = await refusedVersion(client, { dataset, key })
  if (conflict !== undefined) {
    await raiseVersionBase(client, { dataset, key }, BigInt(version), conflict)
    // Under the lock of the key: a delete from here on is above the conflict, too. One that came
    // first is not.
    if ((await readVersion(client, dataset, key)) === undefined) throw new NotReplayableError(GONE)
  }
  const reason = conflict === undefined ? 'replay' : 'version_conflict'
  await noteKey(client, dataset, { key, reason, traceparent, letter: id })
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

/**
 * The entity of a version that HQ holds with other content, above it. @returns the version that it
 * has now; undefined where it is gone.
 */
async function sendEntity(
  client: pg.ClientBase,
  { snapshot: { version: conflict }, entity }: Plan<'version'>,
  traceparent: string | null,
  binding: Binding | undefined,
): Promise<bigint | undefined> {
  if (entity.kind === 'stored') {
    await sendDelete(client, entity, traceparent, conflict)
    return undefined
  }
  const { dataset, row } = entity
  const { key } = row
  const raised = await raiseVersionBase(
    client,
    { dataset, key },
    BigInt(row.version ?? 0),
    conflict,
  )
  const sent = await insertKeys(client, binding, dataset, [{ key, traceparent }])
  if (sent === 0) throw new NotReplayableError(GONE)
  return raised
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
  const { number } = datasetByName(SNAPSHOTS_DATASET)
  const version = await sendEntity(client, plan, traceparent, binding)
  if (version !== undefined) {
    const current = await renumbered(client, snapshot, version)
    // The refused version is the current one: it has just been sent.
    const sent = await readCapturedBody(client, { dataset: number, key: current.key })
    if (sent === current.body) return
  }
  const free = await renumbered(client, snapshot, betweenVersion(snapshot.version))
  const row = { ...free, dataset: number, version: null, deleted: false, traceparent }
  await insertExportRow(client, row)
}

function refuseFiltered(sent: number): void {
  if (sent === 0) throw new NotReplayableError('the binding filters the row out; discard it')
}

/**
 * Puts into the outbox what a replay has to send, in the open transaction.
 * @throws {NotReplayableError} when no version is left above the one that HQ refused, the row has
 * gone since it was planned, or the raw row is not under contract.
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
