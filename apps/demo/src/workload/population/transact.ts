import type { DatasetName } from '@hq-export/contract'
import type pg from 'pg'
import type { Pace } from '../random/pace.ts'
import type { Random } from '../random/random.ts'
import type { Faults } from './faults.ts'
import type { Tenant } from './population.ts'
import type { Tally } from './tally.ts'
import { traceparentOf, traceTransaction } from './trace-operation.ts'

/** One connection of the workload with what it needs to write. */
export interface Writer {
  readonly client: pg.Client
  readonly random: Random
  readonly tenants: readonly Tenant[]
  readonly tally: Tally
  readonly faults: Faults
  readonly pace: Pace
  /** Aborted when the workload is to end. */
  readonly stopping: AbortSignal
}

/** What a transaction needs of its writer. */
export type Connection = Pick<Writer, 'client' | 'random' | 'tally' | 'faults'>

/** Something that the application does; one or more transactions of one writer. */
export type Behaviour = (writer: Writer) => Promise<void>

/** An open transaction. */
export interface Transaction {
  readonly client: pg.Client
  readonly faults: Faults
  /** Notes rows that this transaction writes for export; counted if it commits. */
  count(dataset: DatasetName, rows: number): void
  /** Done if and when it commits. */
  afterCommit(effect: () => void): void
}

type Isolation = 'read committed' | 'repeatable read'

/** How the application wants its transaction to end. */
export type Decision = 'commit' | 'roll back'

/**
 * SQLSTATEs that concurrent writers cause one another and that an application answers by starting
 * over.
 */
const CONFLICT_CODES = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '23503', // foreign_key_violation: somebody deleted what we refer to
  '23505', // unique_violation: somebody was first
])

const SET_TRACEPARENT = `select pg_catalog.set_config('hq_export.traceparent', $1, true)`

/**
 * A trace that nobody records: drawn always, so that what the workload writes does not depend on
 * whether it is traced.
 */
function untracedParent(random: Random): string {
  // The last digit of each id is not 0: an all-zero id is invalid.
  return `00-${random.hex(31)}1-${random.hex(15)}1-00`
}

/**
 * Runs `work` in a transaction that carries a trace context of its own, and counts its rows if it
 * commits.
 * @returns true if it committed; false if `work` decided against it or lost to another writer.
 * @throws anything else that goes wrong: the workload is not made to fail.
 */
export function transact(
  connection: Connection,
  work: (transaction: Transaction) => Promise<Decision>,
  isolation: Isolation = 'read committed',
): Promise<boolean> {
  const drawn = untracedParent(connection.random)
  return traceTransaction((span) =>
    runTransaction(connection, work, isolation, traceparentOf(span) ?? drawn),
  )
}

async function runTransaction(
  { client, tally, faults }: Connection,
  work: (transaction: Transaction) => Promise<Decision>,
  isolation: Isolation,
  traceparent: string,
): Promise<boolean> {
  const rows = new Map<DatasetName, number>()
  const effects: (() => void)[] = []
  await client.query(`begin isolation level ${isolation}`)
  let decision: Decision
  try {
    await client.query({
      name: 'set-traceparent',
      text: SET_TRACEPARENT,
      values: [traceparent],
    })
    decision = await work({
      client,
      faults,
      count: (dataset, written) => rows.set(dataset, (rows.get(dataset) ?? 0) + written),
      afterCommit: (effect) => effects.push(effect),
    })
    await client.query(decision === 'commit' ? 'commit' : 'rollback')
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined || !CONFLICT_CODES.has(code)) throw error
    await client.query('rollback')
    decision = 'roll back'
  }
  if (decision === 'roll back') {
    tally.rollBack()
    return false
  }
  tally.commit(rows)
  for (const effect of effects) effect()
  return true
}
