import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { actionPage, stopForm } from './screens/actions/action-page.ts'
import { actions } from './screens/actions/actions.ts'
import { ACTION_FORMS, newAction } from './screens/actions/new-action.ts'
import { audit } from './screens/audit/audit.ts'
import { overview } from './screens/overview/overview.ts'
import { refused } from './screens/refused/refused.ts'
import { refusedRow, revealForm } from './screens/refused/refused-row.ts'

/** Everything that can be looked at, in the order of the navigation; of two that fit the first. */
export const SCREENS: readonly Screen[] = [
  overview,
  refused,
  refusedRow,
  actions,
  newAction,
  actionPage,
  audit,
  about,
]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = [...ACTION_FORMS, stopForm, revealForm]
