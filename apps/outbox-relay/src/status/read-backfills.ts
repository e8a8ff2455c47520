import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import {
  type BackfillRecord,
  type BackfillState,
  listBackfills,
} from '../backfill/backfill-record.ts'
import type { PassProgress } from '../backfill/progress.ts'
import { SNAPSHOTS_DATASET } from '../binding/binding-schema.ts'

/** The backfill of a dataset that matters most: one that is not over, else the last. */
export interface BackfillStatus {
  readonly id: string
  readonly state: BackfillState
  /** Rows of the dataset's source that were looked at, of about so many. */
  readonly scanned: number
  readonly estimated: number
  readonly finished_at: string | null
  /** Why it failed, or why nothing moves; null while all is well. */
  readonly reason: string | null
}

/** True while there is something left to do, for a relay or an operator. */
export function isUnfinished({ state }: Pick<BackfillRecord, 'state'>): boolean {
  return state === 'running' || state === 'paused' || state === 'failed'
}

/** Snapshots come with the rows of their entities. */
function passesOf(record: BackfillRecord, dataset: string): PassProgress[] {
  return record.progress.passes.filter((pass) => {
    if (dataset === SNAPSHOTS_DATASET) return pass.snapshots !== 'none'
    return pass.dataset === dataset && pass.kind !== 'snapshots'
  })
}

function statusOf(record: BackfillRecord, dataset: string): BackfillStatus {
  const { id, state, finishedAt, reason } = record
  const passes = passesOf(record, dataset)
  const sum = (of: (pass: PassProgress) => number) => passes.reduce((n, pass) => n + of(pass), 0)
  return {
    id,
    state,
    scanned: sum(({ scanned }) => scanned),
    estimated: sum(({ isDone, scanned, estimated }) =>
      isDone ? scanned : Math.max(scanned, estimated),
    ),
    finished_at: finishedAt,
    reason,
  }
}

/**
 * Reads of every dataset of the contract which backfill it is in, or was in last; datasets that
 * were in none are missing.
 */
export async function readBackfills(client: pg.ClientBase): Promise<Map<string, BackfillStatus>> {
  const records = await listBackfills(client)
  const found = DATASETS.flatMap(({ name }): [string, BackfillStatus][] => {
    const ofDataset = records.filter((record) => passesOf(record, name).length > 0)
    const record = ofDataset.find(isUnfinished) ?? ofDataset[0]
    return record === undefined ? [] : [[name, statusOf(record, name)]]
  })
  return new Map(found)
}
