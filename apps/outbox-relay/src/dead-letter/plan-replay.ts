import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'
import { type Binding, type BoundDataset, SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'
import { readsOtherRows } from '../binding/projection/joins.ts'
import { keysOfRawRows } from '../reexport/insert-raw-row.ts'
import { rawSource } from '../reexport/raw-source.ts'
import { readRawVersion } from '../reexport/raw-version.ts'
import { readSourceRow } from '../reexport/read-source-row.ts'
import { isVersionConflict } from './dead-letter.ts'
import { pastVersion } from './past-version.ts'
import { readCapturedBody } from './read-captured-body.ts'
import type { Plan, ReplayableLetter, ReplayPlan } from './replay-plan.ts'

const refused = (why: string): ReplayPlan => ({ kind: 'refused', why })

/** The row cannot be found in the source: what is left to do. */
function planMissing(letter: ReplayableLetter, dataset: Dataset, key: string): ReplayPlan {
  const isEntity = dataset.semantics === 'upsert'
  // Its delete is a row of its own, which however may be below what HQ has where HQ holds other
  // content.
  if (isEntity && !letter.deleted && !isVersionConflict(letter)) return { kind: 'gone' }
  if (letter.body === null) return refused('no row was kept, and the source has it no more')
  return { kind: 'stored', dataset, key, body: letter.body, deleted: isEntity }
}

/**
 * A version of the past stands in no view; the entity it belongs to does. Of one that is gone, the
 * row that was captured with the snapshot is in the outbox for as long as that retains it.
 */
async function planVersion(client: pg.ClientBase, letter: ReplayableLetter): Promise<ReplayPlan> {
  if (letter.body === null) return refused('no row was kept; reconcile the dataset')
  const snapshot = pastVersion(letter.body)
  const { entity: dataset, entityKey: key } = snapshot
  const row = await readSourceRow(client, dataset, key)
  if (row !== undefined)
    return { kind: 'version', snapshot, entity: { kind: 'current', dataset, row } }
  const body = await readCapturedBody(client, { dataset: dataset.number, key, xid: letter.xid })
  if (body === undefined)
    return refused('HQ may hold a version of an entity that the source has no more; reconcile')
  const entity: Plan<'stored'> = { kind: 'stored', dataset, key, body, deleted: true }
  return { kind: 'version', snapshot, entity }
}

async function planRaw(
  client: pg.ClientBase,
  letter: ReplayableLetter,
  bound: BoundDataset,
): Promise<ReplayPlan> {
  // A key of the settle list, or one that was noted to be sent again, whose row could not be
  // projected then.
  if (letter.body === null && letter.key !== null) {
    const dataset: Dataset = datasetByName(letter.dataset)
    const row = await readSourceRow(client, dataset, letter.key)
    if (row !== undefined) return { kind: 'current', dataset, row }
    if (dataset.semantics === 'upsert' && !letter.deleted) return { kind: 'gone' }
  }
  if (letter.body === null)
    return refused('the capture could not even keep the raw row: backfill the dataset')
  const raw = `[${letter.body}]`
  const source = await rawSource(client, bound, raw)
  const lost = bound.key.filter((column) => source.missing.includes(column))
  if (lost.length > 0)
    return refused(`the raw row has no column ${lost.join(', ')}, which is its key now; reconcile`)
  const [key] = await keysOfRawRows(client, bound, source, raw)
  if (key === undefined) return refused('the raw row has no key; reconcile the dataset')
  const dataset: Dataset = datasetByName(letter.dataset)
  const row = await readSourceRow(client, dataset, key)
  if (row !== undefined) return { kind: 'current', dataset, row }
  if (dataset.semantics === 'upsert' && !letter.deleted) return { kind: 'gone' }
  if (readsOtherRows(bound)) {
    return refused(
      'the source has the row no more, or not yet for good, and other rows are needed to ' +
        'project it; try later, or reconcile',
    )
  }
  if (source.missing.length > 0) {
    return refused(
      'the source has the row no more, and its raw row lacks column ' +
        `${source.missing.join(', ')}; reconcile`,
    )
  }
  return { kind: 'raw', bound, source, raw }
}

/**
 * Finds out what a replay of a dead letter has to send: the row as the source has it now, wherever
 * it still has it. Reads only.
 * @param binding what is installed.
 */
export async function planReplay(
  client: pg.ClientBase,
  letter: ReplayableLetter,
  binding: Binding | undefined,
): Promise<ReplayPlan> {
  const dataset: Dataset = datasetByName(letter.dataset)
  if (letter.reason === 'capture_failed' && letter.dataset === SNAPSHOTS_DATASET) {
    if (letter.body === null)
      return refused('the capture could not even keep the raw row; reconcile')
    const version = await readRawVersion(client, binding, letter.body)
    return typeof version === 'string' ? refused(version) : { kind: 'raw-version', version }
  }
  if (letter.reason === 'capture_failed') {
    const bound = binding?.datasets.find((candidate) => candidate.dataset === letter.dataset)
    if (bound === undefined) return refused(`${letter.dataset} is not bound; bind it first`)
    return planRaw(client, letter, bound)
  }
  if (letter.key === null) return refused('the row has no key: correct it in the source')
  // A version of the past, which no view shows any more; the view has no index for its key either.
  if (letter.dataset === SNAPSHOTS_DATASET && !isVersionConflict(letter))
    return planMissing(letter, dataset, letter.key)
  if (binding === undefined) return refused('nothing is bound; bind first')
  if (letter.dataset === SNAPSHOTS_DATASET) return planVersion(client, letter)
  const row = await readSourceRow(client, dataset, letter.key)
  if (row !== undefined) return { kind: 'current', dataset, row }
  return planMissing(letter, dataset, letter.key)
}
