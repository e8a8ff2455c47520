import { primaryCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import type { Check } from './finding.ts'

/**
 * The relay delivers from the primary only: a standby has no transaction of its own to tick with.
 */
export const primary: Check = primaryCheck('DX_DATABASE_URL')
