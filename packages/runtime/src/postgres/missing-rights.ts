import pg from 'pg'
import { ACT_AS } from './act-as.ts'
import type { MigratedDatabase } from './migrations.ts'

const { escapeIdentifier } = pg

const LOGIN = /* sql */ `
select current_user as login, r.rolsuper or r.rolcreaterole as may_create_role,
       pg_catalog.current_database() as database,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
         as may_create_schema
from pg_catalog.pg_roles r where r.rolname = current_user`

const SCHEMAS = /* sql */ `
select s.name, o.rolname as owner,
       pg_catalog.pg_has_role(current_user, n.nspowner, 'usage') as is_ours
from pg_catalog.unnest($1::text[]) s (name)
join pg_catalog.pg_namespace n on n.nspname = s.name
join pg_catalog.pg_roles o on o.oid = n.nspowner`

const ROLES = /* sql */ `
select r.rolname as name,
       pg_catalog.pg_has_role(current_user, r.oid, 'usage')
         and pg_catalog.pg_has_role(current_user, r.oid, ${ACT_AS}) as may_act,
       pg_catalog.pg_has_role(current_user, r.oid, 'member with admin option')
         or (l.rolcreaterole and not r.rolsuper
           and pg_catalog.current_setting('server_version_num')::int4 < 160000) as may_grant
from pg_catalog.pg_roles r join pg_catalog.pg_roles l on l.rolname = current_user
where r.rolname = any ($1::text[])`

/** What whoever migrates finds, and may do. */
export interface InstallRights {
  /** Schemas of ours that somebody has created. */
  readonly schemas: readonly string[]
  /** Roles of ours that this login may act as and may not grant. */
  readonly heldRoles: readonly string[]
  /** What somebody has to grant before anything can be created, a sentence each. */
  readonly missing: readonly string[]
}

interface Login {
  readonly login: string
  readonly database: string
  readonly may_create_role: boolean
  readonly may_create_schema: boolean
}

/** Looks at what a first migration needs, and creates nothing. */
export async function readInstallRights(
  client: pg.ClientBase,
  { name, schemas, roles }: MigratedDatabase,
): Promise<InstallRights> {
  const login = (await client.query<Login>(LOGIN)).rows[0]
  if (login === undefined) throw new Error('a session has a role')
  const present = await client.query<{ name: string; owner: string; is_ours: boolean }>(SCHEMAS, [
    schemas.map((schema) => schema.name),
  ])
  const known = await client.query<{ name: string; may_act: boolean; may_grant: boolean }>(ROLES, [
    roles.map((role) => role.name),
  ])
  const me = escapeIdentifier(login.login)
  const missing: string[] = []
  for (const { name: schema } of schemas) {
    const found = present.rows.find((row) => row.name === schema)
    if (found === undefined && !login.may_create_schema) {
      missing.push(
        `${login.login} may not create schema ${schema} in ${name}: ` +
          `create schema ${schema} authorization ${me}, ` +
          `or grant create on database ${escapeIdentifier(login.database)} to ${me}`,
      )
    } else if (found !== undefined && !found.is_ours) {
      missing.push(
        `schema ${schema} of ${name} belongs to ${found.owner}: ` +
          `alter schema ${schema} owner to ${me}`,
      )
    }
  }
  for (const { name: role, isActedAs } of roles) {
    const found = known.rows.find((row) => row.name === role)
    const grant = isActedAs ? `grant ${role} to ${me}` : undefined
    if (found === undefined && !login.may_create_role) {
      const statements = [`create role ${role} nologin`, grant].filter(Boolean).join('; ')
      missing.push(`${login.login} may not create role ${role}: ${statements}`)
    } else if (found !== undefined && isActedAs && !found.may_act && !found.may_grant) {
      missing.push(`${login.login} may not act as ${role}: ${grant}`)
    }
  }
  return {
    schemas: present.rows.map((row) => row.name),
    heldRoles: known.rows.filter((row) => row.may_act && !row.may_grant).map((row) => row.name),
    missing,
  }
}
