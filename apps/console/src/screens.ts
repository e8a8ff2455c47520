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
import { doctor } from './screens/doctor/doctor.ts'
import { keys } from './screens/keys/keys.ts'
import { overview } from './screens/overview/overview.ts'
import { refused } from './screens/refused/refused.ts'
import { refusedRow, revealForm } from './screens/refused/refused-row.ts'
import { row } from './screens/row/row.ts'
import { sources } from './screens/sources/sources.ts'

/** Everything that can be looked at, in the order of the navigation; of two that fit the first. */
export const SCREENS: readonly Screen[] = [
  overview,
  refused,
  refusedRow,
  row,
  batches,
  batch,
  actions,
  newAction,
  actionPage,
  backfills,
  sources,
  keys,
  doctor,
  audit,
  about,
]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = [...ACTION_FORMS, stopForm, revealForm]
