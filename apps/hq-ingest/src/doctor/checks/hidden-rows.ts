import { hiddenRowsCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import { findHiddenTables } from '../../db/hidden-tables.ts'
import type { Check } from './finding.ts'

/** The gateway sees every row of its own tables: a batch that is hidden would be a new one. */
export const hiddenRows: Check = hiddenRowsCheck(findHiddenTables, ({ writer }) => writer())
