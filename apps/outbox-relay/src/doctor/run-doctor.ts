import { examineDatabase, once } from '@hq-export/runtime/doctor/examine.ts'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import { READING_SETTINGS } from '@hq-export/runtime/postgres/session.ts'
import { connect, connectLogin } from '../session/connect.ts'
import { readBoundState } from './checks/check-context.ts'
import type { BoundState, Check, Examination } from './checks/finding.ts'

/**
 * Examines a source, changing nothing.
 * @param checks in their order; what a check breaks on is a finding of state `unknown`.
 * @throws when the database cannot be reached at all.
 */
export async function runDoctor(
  databaseUrl: string,
  checks: readonly Check[],
): Promise<NamedFinding[]> {
  return examineDatabase(checks, {
    // Neither the relay's role nor settings that say what the database has as default: these are
    // what is examined.
    login: (onLost) => connectLogin(databaseUrl, 'outbox-relay doctor', onLost, READING_SETTINGS),
    examination: (login, later): Examination => ({
      login,
      relay: later((onLost) => connect(databaseUrl, 'doctor', onLost)),
      bound: once<BoundState | undefined>(() => readBoundState(login)),
    }),
    remedy: 'mend what failed above; the role that binds may look at everything',
  })
}
