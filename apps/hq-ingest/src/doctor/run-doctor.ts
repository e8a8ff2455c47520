import { examineDatabase } from '@hq-export/runtime/doctor/examine.ts'
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
  return examineDatabase(checks, {
    // Neither the gateway's role nor settings that say what the database has as default: these are
    // what is examined.
    async login(onLost) {
      const client = new pg.Client({
        ...sessionConfig(databaseUrl, 'hq-ingest doctor', READING_SETTINGS),
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      })
      client.on('error', onLost)
      await client.connect()
      return client
    },
    examination: (login, later): Examination => ({
      login,
      writer: later(() => connectWriter(databaseUrl)),
      keys: keys ?? [],
      masterKeys: masterKeys ?? [],
      now,
    }),
    remedy: 'mend what failed above; the role that migrates may look at everything',
  })
}
