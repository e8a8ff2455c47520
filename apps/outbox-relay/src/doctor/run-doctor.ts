import { describeError } from '@hq-export/runtime/describe-error.ts'
import { READING_SETTINGS } from '@hq-export/runtime/postgres/session.ts'
import type pg from 'pg'
import { connect, connectLogin } from '../session/connect.ts'
import { readBoundState } from './checks/check-context.ts'
import {
  type BoundState,
  type Check,
  type Examination,
  type Finding,
  type NamedFinding,
  unknown,
} from './checks/finding.ts'

/** Asked once, however many checks want it; a failure is everybody's. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => {
    asked ??= ask()
    return asked
  }
}

/** A check that breaks has found out nothing; the others still can. */
async function examine(check: Check, examination: Examination): Promise<readonly Finding[]> {
  try {
    return [await check.examine(examination)].flat()
  } catch (error) {
    return [
      unknown(
        `could not look: ${describeError(error)}`,
        'mend what failed above; the role that binds may look at everything',
      ),
    ]
  }
}

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
    const findings: NamedFinding[] = []
    for (const check of checks) {
      const found = await examine(check, examination)
      findings.push(...found.map((finding) => ({ check: check.name, ...finding })))
      if (check.isDecisive && found.some(({ state }) => state === 'fail')) break
    }
    if (lost !== undefined) throw lost
    return findings
  } finally {
    await Promise.all(sessions.map((client) => client.end()))
  }
}
