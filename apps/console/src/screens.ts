import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { overview } from './screens/overview/overview.ts'
import { row } from './screens/row/row.ts'

/** Everything that can be looked at, in the order of the navigation. */
export const SCREENS: readonly Screen[] = [overview, row, about]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = []
