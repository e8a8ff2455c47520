import { advisoryLocksCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import { relayLocks } from '../../session/lead.ts'
import type { Check } from './finding.ts'

/** No stranger holds an advisory lock of ours. */
export const advisoryLocks: Check = advisoryLocksCheck(relayLocks, 'relay', ({ relay }) => relay())
