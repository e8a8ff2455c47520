import {
  NotReplayableError,
  whyNot,
} from '@hq-export/outbox-relay/reexport/not-replayable-error.ts'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { underSavepoint } from '@hq-export/runtime/postgres/under-savepoint.ts'
import type pg from 'pg'

const LOCK_NOT_AVAILABLE = '55P03'

function reasonOf(error: unknown): string {
  if ((error as { code?: unknown }).code === LOCK_NOT_AVAILABLE)
    return 'somebody holds the row locked; try again'
  if (error instanceof NotReplayableError) return error.message
  // Of what PostgreSQL says only the SQLSTATE, because its messages quote values.
  return whyNot(error) ?? describeError((error as { cause?: unknown }).cause ?? error)
}

/**
 * Runs a part of the open transaction that may fail by itself: then nothing of it is written, and
 * the rest goes on; unless the session is lost, as the next statement says.
 * @returns why it failed; never a value of a row.
 */
export async function inSavepoint<T>(
  client: pg.ClientBase,
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly why: string }> {
  try {
    return { value: await underSavepoint(client, work) }
  } catch (error) {
    return { why: reasonOf(error) }
  }
}
