import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { readBackends, severalBackends } from '@hq-export/runtime/doctor/common-checks.ts'
import type pg from 'pg'
import { type Check, fail, ok, warn } from './finding.ts'

const NOTIFICATION_WAIT_MS = 3_000

/** A notification to ourselves comes back over the same session. */
async function hearsItself(client: pg.Client): Promise<boolean> {
  const channel = `hq_export_doctor_${randomUUID().replaceAll('-', '')}`
  const settled = new AbortController()
  const heard = new Promise<boolean>((resolve) => {
    client.on('notification', (notification) => {
      if (notification.channel === channel) resolve(true)
    })
  })
  await client.query(`listen ${channel}`)
  await client.query('select pg_catalog.pg_notify($1, $2)', [channel, ''])
  // Aborted once we know: its answer is not needed any more.
  const silence = delay(NOTIFICATION_WAIT_MS, false, { signal: settled.signal }).catch(() => false)
  const result = await Promise.race([heard, silence])
  settled.abort()
  await client.query(`unlisten ${channel}`)
  return result
}

/**
 * The server behind DX_DATABASE_URL is PostgreSQL itself: LISTEN and advisory locks belong to a
 * session.
 */
export const directConnection: Check = {
  name: 'direct-connection',
  async examine({ login }) {
    const pids = await readBackends(login)
    if (pids.size > 1) {
      return severalBackends(pids, 'DX_DATABASE_URL')
    }
    if (!(await hearsItself(login))) {
      return fail(
        `LISTEN delivers nothing within ${NOTIFICATION_WAIT_MS / 1000} s: a transaction ` +
          'pooler stands between',
        'point DX_DATABASE_URL at PostgreSQL itself; until then the relay polls',
      )
    }
    // The pid of the greeting is the cancel key's; a pooler makes up its own.
    const { processID } = login as unknown as { processID: number | null }
    if (processID !== null && !pids.has(processID)) {
      return warn(
        'a pooler stands between; it keeps sessions apart now',
        'point DX_DATABASE_URL at PostgreSQL itself: leadership and the doorbell are lost with ' +
          'every reconnect of the pooler',
      )
    }
    return ok('one session, and it hears its own notifications')
  },
}
