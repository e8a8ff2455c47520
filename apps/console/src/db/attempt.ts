import { explainConnectError } from '@hq-export/runtime/postgres/explain-connect-error.ts'
import type pg from 'pg'
import type { ChangingSide } from './changing-side.ts'
import { whyUnreachable } from './why-unreachable.ts'

/** What a change came to, or why the database could not be asked for it. */
export type Attempt<T> = { readonly value: T } | { readonly unreachable: string }

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
    const { database } = side
    const why = whyUnreachable(error, database.name, explainConnectError(error, database))
    if (why === undefined) throw error
    return { unreachable: why }
  }
}
