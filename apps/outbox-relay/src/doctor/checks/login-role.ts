import { loginRoleCheck } from '@hq-export/runtime/doctor/common-checks.ts'
import type { Check } from './finding.ts'

/** Every session of the relay works as hq_export_relay, with that role's rights only. */
export const loginRole: Check = loginRoleCheck('hq_export_relay', 'npm run relay -- migrate')
