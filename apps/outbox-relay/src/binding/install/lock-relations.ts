import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type pg from 'pg'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../../session/sqlstate.ts'

/**
 * Further tables get this much in all: less than a deadlock_timeout, so that no writer is ever
 * sacrificed for us.
 */
const FURTHER_WAIT_MS = 500

/** A table was not to be had in time. */
export class LockRefusedError extends OperatorError {
  override readonly name = 'LockRefusedError'
  /** Quoted `schema.table`. */
  readonly relation: string

  constructor(relation: string, cause: unknown) {
    super(
      `${relation} is being written to and was not free in time; try again when it is quieter`,
      {
        cause,
      },
    )
    this.relation = relation
  }
}

/** Which tables to lock, and how. */
export interface Locking {
  /** Tables that get triggers: SHARE ROW EXCLUSIVE, readers go on. */
  readonly share: readonly string[]
  /** Tables that lose a trigger: ACCESS EXCLUSIVE, as DROP TRIGGER takes it. */
  readonly exclusive: readonly string[]
  readonly firstWaitMs: number
  /** Locked before the others. */
  readonly first?: string
}

/**
 * Locks tables one after the other in the open transaction.
 *
 * While we wait for a table, its writers queue behind us. So the first wait is short, and while we
 * hold one table and wait for the next it is shorter than deadlock_timeout: a deadlock with a
 * writer ends by our giving up. The first wait is longer than deadlock_timeout, which makes
 * autovacuum step aside; the caller puts the table that refused first next time.
 * @throws {LockRefusedError} naming the table that was not free.
 */
export async function lockRelations(client: pg.ClientBase, locking: Locking): Promise<void> {
  const exclusive = new Set(locking.exclusive)
  const relations = [...new Set([...locking.share, ...locking.exclusive])].sort()
  const ordered = [
    ...relations.filter((relation) => relation === locking.first),
    ...relations.filter((relation) => relation !== locking.first),
  ]
  let waitMs = locking.firstWaitMs
  let budgetMs = FURTHER_WAIT_MS
  for (const [index, relation] of ordered.entries()) {
    const mode = exclusive.has(relation) ? 'access exclusive' : 'share row exclusive'
    const startedAt = performance.now()
    await client.query(`set local lock_timeout = ${Math.max(1, Math.ceil(waitMs))}`)
    try {
      await client.query(`lock table only ${relation} in ${mode} mode`)
    } catch (error) {
      if (!hasSqlstate(error, LOCK_NOT_AVAILABLE)) throw error
      throw new LockRefusedError(relation, error)
    }
    if (index > 0) budgetMs -= performance.now() - startedAt
    waitMs = budgetMs
  }
}
