import { advisoryLocksCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import { gatewayLocks } from '../../db/own-locks.ts'
import type { Check } from './finding.ts'

/** No stranger holds an advisory lock of ours. */
export const advisoryLocks: Check = advisoryLocksCheck(gatewayLocks, 'gateway', ({ writer }) =>
  writer(),
)
