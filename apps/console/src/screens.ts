import type { FormAction } from './page/form-action.ts'
import type { Screen } from './page/screen.ts'
import { about } from './screens/about/about.ts'
import { backfills } from './screens/backfills/backfills.ts'
import { batch } from './screens/batches/batch.ts'
import { batches } from './screens/batches/batches.ts'
import { doctor } from './screens/doctor/doctor.ts'
import { keys } from './screens/keys/keys.ts'
import { overview } from './screens/overview/overview.ts'
import { row } from './screens/row/row.ts'
import { sources } from './screens/sources/sources.ts'

/** Everything that can be looked at, in the order of the navigation. */
export const SCREENS: readonly Screen[] = [
  overview,
  row,
  batches,
  batch,
  backfills,
  sources,
  keys,
  doctor,
  about,
]

/** Everything that can be done. */
export const ACTIONS: readonly FormAction[] = []
