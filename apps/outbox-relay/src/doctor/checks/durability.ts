import { type Check, type Finding, ok, warn } from './finding.ts'

const SETTINGS = /* sql */ `
select pg_catalog.current_setting('fsync') as fsync,
       pg_catalog.current_setting('full_page_writes') as full_page_writes,
       pg_catalog.current_setting('synchronous_commit') as synchronous_commit`

/**
 * What the server says is on disk, is. The relay sends nothing that is not, and can only ask the
 * server.
 */
export const durability: Check = {
  name: 'durability',
  async examine({ login }) {
    const settings = (
      await login.query<{ fsync: string; full_page_writes: string; synchronous_commit: string }>(
        SETTINGS,
      )
    ).rows[0]
    if (settings === undefined) throw new Error('a server has settings')
    const { fsync, full_page_writes, synchronous_commit } = settings
    const findings: Finding[] = []
    if (fsync === 'off' || full_page_writes === 'off') {
      findings.push(
        warn(
          `fsync ${fsync}, full_page_writes ${full_page_writes}: a crash of the machine can ` +
            'undo rows that HQ has',
          'turn both on, unless the data is disposable',
        ),
      )
    }
    if (synchronous_commit === 'off') {
      findings.push(
        warn(
          'synchronous_commit is off: a crash can undo the last commits; ' +
            'none of them was sent before it was on disk',
          'nothing to do for the export: it forces a flush where it needs one',
        ),
      )
    }
    return findings.length > 0 ? findings : ok(`synchronous_commit ${synchronous_commit}`)
  },
}
