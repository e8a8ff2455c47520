import { readDurability } from '@hq-export/runtime/doctor/common-checks.ts'
import { ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import type { Check } from './finding.ts'

/** An answer of 200 promises that the rows survive a crash of the machine. */
export const durability: Check = {
  name: 'durability',
  async examine({ login }) {
    const { lost } = await readDurability(login)
    if (lost === undefined) return ok('what is committed is on disk')
    return warn(
      `${lost}: a crash of the machine can undo rows that the source holds for delivered`,
      'turn both on, unless the data is disposable; after a crash run: npm run relay -- reconcile ' +
        '--repair',
    )
  },
}
