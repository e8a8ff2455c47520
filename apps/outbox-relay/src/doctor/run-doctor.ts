import { describeError } from '@hq-export/program/describe-error.ts'
import pg from 'pg'
import { connect } from '../connect.ts'
import { whyNotConnected } from '../why-not-connected.ts'
import { examineBound } from './examine-bound.ts'
import {
  type BoundState,
  type Check,
  type Examination,
  type Finding,
  type NamedFinding,
  unknown,
} from './finding.ts'

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
  // Neither a role nor a setting of ours: what it takes to set them is what is examined.
  const login = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'outbox-relay doctor',
    connectionTimeoutMillis: 10_000,
  })
  const sessions: pg.Client[] = [login]
  let lost: Error | undefined
  login.on('error', (error) => {
    lost = error
  })
  try {
    try {
      await login.connect()
    } catch (error) {
      throw await whyNotConnected(error, databaseUrl)
    }
    await login.query('set search_path = pg_catalog, pg_temp')
    const examination: Examination = {
      login,
      relay: once(async () => {
        const client = await connect(databaseUrl, 'doctor', (error) => {
          lost = error
        })
        sessions.push(client)
        return client
      }),
      bound: once<BoundState | undefined>(() => examineBound(login)),
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
