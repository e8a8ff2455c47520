import { type Check, ok, warn } from './finding.ts'

const SETTINGS = /* sql */ `
select pg_catalog.current_setting('max_prepared_transactions')::int as prepared,
       pg_catalog.current_setting('synchronous_standby_names') <> '' as "isSynchronous"`

/**
 * Triggers may ring. Where two-phase commit is on they must not, because NOTIFY makes PREPARE
 * TRANSACTION fail; where commits wait for a standby, because they would wait for one another.
 */
export const doorbell: Check = {
  name: 'doorbell',
  async examine({ login }) {
    const { rows } = await login.query<{ prepared: number; isSynchronous: boolean }>(SETTINGS)
    const { prepared = 0, isSynchronous = false } = rows[0] ?? {}
    if (prepared === 0 && isSynchronous)
      return ok(
        'synchronous_standby_names is set: triggers do not ring, a sleeping relay looks 10 to ' +
          '40 times a second',
      )
    if (prepared === 0) return ok('triggers ring while the relay sleeps')
    return warn(
      `max_prepared_transactions is ${prepared}: triggers never ring, the relay polls`,
      'set it to 0 if nobody uses two-phase commit',
    )
  },
}
