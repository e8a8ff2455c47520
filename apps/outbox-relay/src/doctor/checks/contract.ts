import { lifeOf } from '@hq-export/contract/lock/current-lock.ts'
import { retiredDatasets } from '../../binding/retired-datasets.ts'
import { type Check, fail, ok, warn } from './finding.ts'

/** HQ takes what is bound, and will. */
export const contract: Check = {
  name: 'contract',
  async examine({ bound }) {
    const state = await bound()
    if (state === undefined) return []
    const names = state.binding.datasets.map(({ dataset }) => dataset)
    const retired = retiredDatasets(names).map((sentence) =>
      fail(
        `${sentence}: HQ takes no row of it any more`,
        'bind without it: npm run relay -- bind NAME|FILE',
      ),
    )
    const deprecated = state.binding.datasets.flatMap(({ dataset }) => {
      const { status, deprecation } = lifeOf(dataset)
      if (status !== 'deprecated' || deprecation === null) return []
      const { successors, sunset } = deprecation
      const missing = successors.filter((name) => !(names as readonly string[]).includes(name))
      return missing.length === 0
        ? []
        : [
            warn(
              `${dataset} is deprecated, served until ${sunset} at least, and ${missing.join(', ')} is not bound`,
              'publish both: bind the successors beside it, then backfill them',
            ),
          ]
    })
    const findings = [...retired, ...deprecated]
    return findings.length > 0 ? findings : ok('HQ takes what is bound')
  },
}
