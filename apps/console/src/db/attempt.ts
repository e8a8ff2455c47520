import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import {
  explainConnectError,
  explainDatabaseError,
} from '@hq-export/runtime/postgres/explain-connect-error.ts'
import type pg from 'pg'
import type { ChangingSide } from './changing-side.ts'

/** What a change came to, or why the database could not be asked for it. */
export type Attempt<T> = { readonly value: T } | { readonly unreachable: string }

const SILENT_PATTERN = /timeout exceeded when trying to connect|terminated|ECONN/i

/**
 * Changes something in one transaction.
 * @throws what is a defect of ours.
 */
export async function attempt<T>(
  side: ChangingSide,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<Attempt<T>> {
  try {
    return { value: await side.transact(work) }
  } catch (error) {
    if (error instanceof OperatorError) return { unreachable: error.message }
    const { database } = side
    const why =
      explainConnectError(error, database) ??
      explainDatabaseError(error, database) ??
      (error instanceof Error &&
      SILENT_PATTERN.test(`${error.message} ${String((error as { code?: unknown }).code)}`)
        ? `${database.name} does not answer`
        : undefined)
    if (why === undefined) throw error
    return { unreachable: why }
  }
}
