import { serverCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import type { Check } from './finding.ts'

/** The server is one that we run on, and the database holds every text. */
export const server: Check = serverCheck('data-engine-x')
