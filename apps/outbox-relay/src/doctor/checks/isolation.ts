import { type Check, ok, warn } from './finding.ts'

const DEFAULT = /* sql */ `
select pg_catalog.current_setting('default_transaction_isolation') as level`

/**
 * Above READ COMMITTED, TRUNCATE removes rows that its capture cannot see. The relay sets its own
 * sessions itself.
 */
export const isolation: Check = {
  name: 'isolation',
  async examine({ login }) {
    const level = (await login.query<{ level: string }>(DEFAULT)).rows[0]?.level ?? ''
    return level === 'read committed'
      ? ok(level)
      : warn(
          `default_transaction_isolation is ${level}`,
          'the relay is not affected; an application that truncates a bound table must do so ' +
            'in READ COMMITTED, else it leaves a capture gap',
        )
  },
}
