import { examine, once } from '@hq-export/runtime/doctor/examine.ts'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import { READING_SETTINGS } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
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
  let lost: Error | undefined
  // Neither the relay's role nor settings that say what the database has as default: these are what
  // is examined.
  const onLost = (error: Error) => {
    lost = error
  }
  const login = await connectLogin(databaseUrl, 'outbox-relay doctor', onLost, READING_SETTINGS)
  const sessions: pg.Client[] = [login]
  try {
    const examination: Examination = {
      login,
      relay: once(async () => {
        const client = await connect(databaseUrl, 'doctor', onLost)
        sessions.push(client)
        return client
      }),
      bound: once<BoundState | undefined>(() => readBoundState(login)),
    }
    const findings = await examine(
      checks,
      examination,
      'mend what failed above; the role that binds may look at everything',
    )
    if (lost !== undefined) throw lost
    return findings
  } finally {
    await Promise.all(sessions.map((client) => client.end()))
  }
}
