import type { Download } from './page/download.ts'
import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { actionPage, stopForm } from './screens/actions/action-page.ts'
import { actions } from './screens/actions/actions.ts'
import { ACTION_FORMS, newAction } from './screens/actions/new-action.ts'
import { audit } from './screens/audit/audit.ts'
import { backfills } from './screens/backfills/backfills.ts'
import { batch } from './screens/batches/batch.ts'
import { batches } from './screens/batches/batches.ts'
import { contract } from './screens/contract/contract.ts'
import { dataset } from './screens/dataset/dataset.ts'
import { doctor } from './screens/doctor/doctor.ts'
import { helpIndex, helpPage } from './screens/help/help.ts'
import { keys } from './screens/keys/keys.ts'
import { overview } from './screens/overview/overview.ts'
import { quality } from './screens/quality/quality.ts'
import { refused } from './screens/refused/refused.ts'
import { refusedRow, revealForm } from './screens/refused/refused-row.ts'
import { row } from './screens/row/row.ts'
import { sources } from './screens/sources/sources.ts'
import { reconciliationReport } from './screens/verify/report.ts'
import { run } from './screens/verify/run.ts'
import { verify } from './screens/verify/verify.ts'

/** Everything that can be looked at, in the order of the navigation; of two that fit the first. */
export const SCREENS: readonly Screen[] = [
  overview,
  dataset,
  refused,
  refusedRow,
  row,
  batches,
  batch,
  verify,
  run,
  quality,
  actions,
  newAction,
  actionPage,
  backfills,
  sources,
  keys,
  contract,
  doctor,
  audit,
  helpIndex,
  helpPage,
  about,
]

/** Everything that can be taken away as a file. */
export const DOWNLOADS: readonly Download[] = [reconciliationReport]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = [...ACTION_FORMS, stopForm, revealForm]
