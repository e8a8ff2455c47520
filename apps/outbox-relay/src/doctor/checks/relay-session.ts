import { OBJECT_NOT_IN_PREREQUISITE_STATE } from '../../session/sqlstate.ts'
import { type Check, fail, ok } from './finding.ts'

// pg_control_system: the epoch begins with its identifier. Some hosts take it from everybody.
const SESSION = /* sql */ `
select current_user as role, pg_catalog.current_setting('transaction_isolation') as isolation,
       pg_catalog.current_setting('timezone') as timezone,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute')
         as may_read_identity,
       pg_catalog.pg_current_wal_flush_lsn() is not null as has_flush_lsn`

interface Session {
  role: string
  isolation: string
  timezone: string
  may_read_identity: boolean
  has_flush_lsn: boolean
}

/**
 * A session as the relay opens it has the settings that its statements rely on; opening it reads
 * them back.
 */
export const relaySession: Check = {
  name: 'relay-session',
  async examine({ relay }) {
    let session: Session | undefined
    try {
      const client = await relay()
      session = (await client.query<Session>(SESSION)).rows[0]
    } catch (error) {
      const { code, message } = error as { code?: string; message?: string }
      return fail(
        `the relay's session cannot be opened: ${code ?? 'error'}: ${message}`,
        // A standby has no flush position of its own.
        code === OBJECT_NOT_IN_PREREQUISITE_STATE
          ? 'see primary'
          : 'see login-role and direct-connection; a pooler that refuses the startup parameter ' +
              '"options" must be bypassed',
      )
    }
    if (session === undefined) throw new Error('a session has settings')
    if (!session.may_read_identity) {
      return fail(
        'hq_export_relay may not read the identity of the server',
        'grant execute on function pg_catalog.pg_control_system() to hq_export_relay',
      )
    }
    return ok(`${session.role}, ${session.isolation}, ${session.timezone}`)
  },
}
