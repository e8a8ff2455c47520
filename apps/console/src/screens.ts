import type { Download } from './page/download.ts'
import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { contract } from './screens/contract/contract.ts'
import { dataset } from './screens/dataset/dataset.ts'
import { helpIndex, helpPage } from './screens/help/help.ts'
import { overview } from './screens/overview/overview.ts'
import { quality } from './screens/quality/quality.ts'
import { reconciliationReport } from './screens/verify/report.ts'
import { run } from './screens/verify/run.ts'
import { verify } from './screens/verify/verify.ts'

/** Everything that can be looked at, in the order of the navigation. */
export const SCREENS: readonly Screen[] = [
  overview,
  dataset,
  verify,
  run,
  quality,
  contract,
  helpIndex,
  helpPage,
  about,
]

/** Everything that can be taken away as a file. */
export const DOWNLOADS: readonly Download[] = [reconciliationReport]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = []
