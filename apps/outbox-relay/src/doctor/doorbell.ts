import { type Check, ok, warn } from './finding.ts'

const SETTING = /* sql */ `select pg_catalog.current_setting('max_prepared_transactions')::int as prepared`

/** Triggers may ring. Where two-phase commit is on they must not, because NOTIFY makes PREPARE TRANSACTION fail. */
export const doorbell: Check = {
  name: 'doorbell',
  async examine({ login }) {
    const prepared = (await login.query<{ prepared: number }>(SETTING)).rows[0]?.prepared ?? 0
    if (prepared === 0) return ok('triggers ring while the relay sleeps')
    return warn(
      `max_prepared_transactions is ${prepared}: triggers never ring, the relay polls`,
      'set it to 0 if nobody uses two-phase commit',
    )
  },
}
