import { describeError } from '@hq-export/runtime/describe-error.ts'
import { fail, ok } from '@hq-export/runtime/doctor/finding.ts'
import type pg from 'pg'
import type { Check } from './finding.ts'

const SESSION = /* sql */ `
select current_user as role, pg_catalog.current_setting('synchronous_commit') as synchronous_commit,
       pg_catalog.current_setting('transaction_read_only')::boolean as is_read_only`

interface Session {
  readonly role: string
  readonly synchronous_commit: string
  readonly is_read_only: boolean
}

/**
 * A session as the gateway opens it has the settings that its statements rely on; opening it reads
 * them back.
 */
export const writerSession: Check = {
  name: 'writer-session',
  async examine({ writer }) {
    let client: pg.Client
    try {
      client = await writer()
    } catch (error) {
      return fail(
        `the gateway's session cannot be opened: ${describeError(error)}`,
        'see login-role and direct-connection; a pooler that refuses the startup parameter ' +
          '"options" must be bypassed',
      )
    }
    const [session] = (await client.query<Session>(SESSION)).rows
    if (session === undefined) throw new Error('a session has settings')
    if (session.is_read_only) {
      return fail(
        'the database takes no writes: default_transaction_read_only is on',
        'hosts turn it on when a disk is full: make room, then turn it off',
      )
    }
    return ok(`${session.role}, synchronous_commit ${session.synchronous_commit}`)
  },
}
