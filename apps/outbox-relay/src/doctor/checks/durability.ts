import { readDurability } from '@hq-export/runtime/doctor/common-checks.ts'
import { type Check, type Finding, ok, warn } from './finding.ts'

/**
 * What the server says is on disk, is. The relay sends nothing that is not, and can only ask the
 * server.
 */
export const durability: Check = {
  name: 'durability',
  async examine({ login }) {
    const { settings, lost } = await readDurability(login)
    const findings: Finding[] = []
    if (lost !== undefined) {
      findings.push(
        warn(
          `${lost}: a crash of the machine can undo rows that HQ has`,
          'turn both on, unless the data is disposable',
        ),
      )
    }
    if (settings.synchronous_commit === 'off') {
      findings.push(
        warn(
          'synchronous_commit is off: a crash can undo the last commits; ' +
            'none of them was sent before it was on disk',
          'nothing to do for the export: it forces a flush where it needs one',
        ),
      )
    }
    return findings.length > 0 ? findings : ok(`synchronous_commit ${settings.synchronous_commit}`)
  },
}
