import { ACT_AS } from '@hq-export/runtime/postgres/act-as.ts'
import { type Check, fail, ok } from './finding.ts'

// Being a member is not enough: the relay says SET ROLE.
const MEMBERSHIP = /* sql */ `
select current_user as login, r.oid is not null as exists,
       coalesce(pg_catalog.pg_has_role(current_user, r.oid, ${ACT_AS}), false) as may_set
from (values (1)) one
left join pg_catalog.pg_roles r on r.rolname = 'hq_export_relay'`

/** Every session of the relay works as hq_export_relay, with that role's rights only. */
export const loginRole: Check = {
  name: 'login-role',
  async examine({ login }) {
    const { rows } = await login.query<{ login: string; exists: boolean; may_set: boolean }>(
      MEMBERSHIP,
    )
    const [found] = rows
    if (!found?.exists)
      return fail('role hq_export_relay does not exist', 'run: npm run relay -- migrate')
    if (found.may_set) return ok(`${found.login} may work as hq_export_relay`)
    return fail(
      `${found.login} may not work as hq_export_relay`,
      `grant hq_export_relay to "${found.login}"`,
    )
  },
}
