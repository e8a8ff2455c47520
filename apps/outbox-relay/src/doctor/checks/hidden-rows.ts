import { hiddenRowsCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import { findHiddenTables } from '../../session/hidden-tables.ts'
import type { Check } from './finding.ts'

/** The relay and the captures see every row of our own tables. */
export const hiddenRows: Check = hiddenRowsCheck(findHiddenTables, ({ relay }) => relay())
