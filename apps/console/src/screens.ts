import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { overview } from './screens/overview/overview.ts'

/** Everything that can be looked at, in the order of the navigation. */
export const SCREENS: readonly Screen[] = [overview, about]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = []
