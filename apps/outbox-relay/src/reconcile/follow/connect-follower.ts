import type pg from 'pg'
import { connect } from '../../session/connect.ts'
import { SEES_ALL } from '../../session/hidden-tables.ts'

/** A look that takes longer has far too much to read: it counts as missed. */
const STATEMENT_TIMEOUT = '30s'
/** Whoever holds the outbox holds writers up, too. */
const LOCK_TIMEOUT = '5s'

/** Opens the session that looks at what has changed, and compares it. */
export function connectFollower(databaseUrl: string): Promise<pg.Client> {
  return connect(databaseUrl, 'follow', () => {}, {
    ...SEES_ALL,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
  })
}
