import { examine, once } from '@hq-export/runtime/doctor/examine.ts'
import type { NamedFinding } from '@hq-export/runtime/doctor/finding.ts'
import { READING_SETTINGS, sessionConfig } from '@hq-export/runtime/postgres/session.ts'
import pg from 'pg'
import { connectWriter } from '../db/connect.ts'
import type { Check, Examination } from './checks/finding.ts'

const CONNECT_TIMEOUT_MS = 10_000

/**
 * Examines HQ, changing nothing.
 * @param checks in their order; what a check breaks on is a finding of state `unknown`.
 * @throws when the database cannot be reached at all.
 */
export async function runDoctor(
  databaseUrl: string,
  { keys, masterKeys, now = Date.now }: Partial<Pick<Examination, 'keys' | 'masterKeys' | 'now'>>,
  checks: readonly Check[],
): Promise<NamedFinding[]> {
  // Neither the gateway's role nor settings that say what the database has as default: these are
  // what is examined.
  const login = new pg.Client({
    ...sessionConfig(databaseUrl, 'hq-ingest doctor', READING_SETTINGS),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  let lost: Error | undefined
  login.on('error', (error) => {
    lost = error
  })
  await login.connect()
  const sessions: pg.Client[] = [login]
  try {
    const examination: Examination = {
      login,
      writer: once(async () => {
        const client = await connectWriter(databaseUrl)
        sessions.push(client)
        return client
      }),
      keys: keys ?? [],
      masterKeys: masterKeys ?? [],
      now,
    }
    const findings = await examine(
      checks,
      examination,
      'mend what failed above; the role that migrates may look at everything',
    )
    if (lost !== undefined) throw lost
    return findings
  } finally {
    await Promise.all(sessions.map((client) => client.end()))
  }
}
