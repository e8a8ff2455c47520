import type pg from 'pg'
import { BY_ROW_SUFFIX } from '../capture/capture-triggers.ts'
import type { GeneratedSql } from '../capture/generate.ts'
import { BODY_TYPE_PREFIX, type BodyType } from '../changes/captured-body.ts'

/** A trigger of ours as it stands in the catalog. */
export interface InstalledTrigger {
  readonly name: string
  /** Quoted `schema.table`. */
  readonly relation: string
  /** Always: in a session that replays a replication stream, too. */
  readonly enabled: boolean
}

/** What of our generated objects stands in the database. */
export interface Installed {
  readonly fingerprints: readonly string[]
  /** Names of projection views, without schema. */
  readonly views: readonly string[]
  /** Quoted `schema.name` of the types of captured bodies. */
  readonly types: readonly string[]
  /** Signatures of the functions that views read their tables through. */
  readonly rowFunctions: readonly string[]
  /** Quoted `schema.name` of trigger functions. */
  readonly functions: readonly string[]
  readonly triggers: readonly InstalledTrigger[]
}

const VIEWS = `
select c.relname as name from pg_catalog.pg_class c
where c.relnamespace = 'hq_export'::pg_catalog.regnamespace and c.relkind = 'v'
  and c.relname ~ '^dx_\\w+_v\\d+$'
order by 1`

const TYPES = `
select pg_catalog.format('"hq_export"."%s"', t.typname) as name from pg_catalog.pg_type t
where t.typnamespace = 'hq_export'::pg_catalog.regnamespace and t.typtype = 'c'
  and pg_catalog.starts_with(t.typname, '${BODY_TYPE_PREFIX}')
order by 1`

const ROW_FUNCTIONS = `
select p.oid::pg_catalog.regprocedure::text as name from pg_catalog.pg_proc p
where p.pronamespace = 'hq_export'::pg_catalog.regnamespace
  and pg_catalog.starts_with(p.proname, 'row_dx_')
order by 1`

const FUNCTIONS = `
select pg_catalog.format('"hq_export"."%s"', p.proname) as name from pg_catalog.pg_proc p
where p.pronamespace = 'hq_export'::pg_catalog.regnamespace
  and pg_catalog.starts_with(p.proname, 'capture_')
  and p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
order by 1`

// Clones of a row trigger on partitions (tgparentid) come and go with the root's; each may be
// disabled by itself.
const TRIGGERS = `
select t.tgname as name, t.tgenabled = 'A' and not exists (
    select from pg_catalog.pg_partition_tree(t.tgrelid) p
    join pg_catalog.pg_trigger clone on clone.tgrelid = p.relid and clone.tgfoid = t.tgfoid
    where clone.tgparentid <> 0 and clone.tgenabled <> 'A'
  ) as enabled,
  pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname, '"', '""'),
    pg_catalog.replace(c.relname, '"', '""')) as relation
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc p on p.oid = t.tgfoid
join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where p.pronamespace = 'hq_export'::pg_catalog.regnamespace and t.tgparentid = 0
order by 3, 1`

/** Reads what is installed; takes no lock on a table of the application. */
export async function readInstalled(client: pg.ClientBase): Promise<Installed> {
  const names = async (sql: string): Promise<string[]> =>
    (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name)
  return {
    fingerprints: await names('select distinct fingerprint as name from hq_export.binding'),
    views: await names(VIEWS),
    types: await names(TYPES),
    rowFunctions: await names(ROW_FUNCTIONS),
    functions: await names(FUNCTIONS),
    triggers: (await client.query<InstalledTrigger>(TRIGGERS)).rows,
  }
}

/** True where captures fire for each row. */
export function isByRow({ triggers }: Pick<Installed, 'triggers'>): boolean {
  return triggers.some(({ name }) => name.endsWith(BY_ROW_SUFFIX))
}

const nameOf = ({ name, relation }: { name: string; relation: string }): string =>
  `${relation} ${name}`

/** True when exactly this is installed and every trigger of it is enabled, and no other. */
export function isInstalled(sql: GeneratedSql, installed: Installed): boolean {
  const { fingerprints, views, types, functions, triggers } = installed
  const enabled = new Set(triggers.filter((trigger) => trigger.enabled).map(nameOf))
  return (
    fingerprints.length === 1 &&
    fingerprints[0] === sql.fingerprint &&
    sql.views.every(({ name }) => views.includes(name)) &&
    sql.types.every(({ name }) => types.includes(quotedSchema(name))) &&
    sql.functions.every(({ name }) => functions.includes(quotedSchema(name))) &&
    sql.triggers.every((trigger) => enabled.has(nameOf(trigger))) &&
    obsoleteTriggers(sql, installed).length === 0
  )
}

/** Triggers of an earlier binding that the new one does not have. */
export function obsoleteTriggers(sql: GeneratedSql, installed: Installed): InstalledTrigger[] {
  const wanted = new Set(sql.triggers.map(nameOf))
  return installed.triggers.filter((trigger) => !wanted.has(nameOf(trigger)))
}

/** Trigger functions of an earlier binding that the new one does not have. */
export function obsoleteFunctions(sql: GeneratedSql, functions: readonly string[]): string[] {
  const wanted = new Set(sql.functions.map(({ name }) => quotedSchema(name)))
  return functions.filter((name) => !wanted.has(name))
}

/** Types of captured bodies that are to be created. */
export function missingTypes(sql: GeneratedSql, { types }: Installed): BodyType[] {
  return sql.types.filter(({ name }) => !types.includes(quotedSchema(name)))
}

/** Types of captured bodies that the new binding does not name. */
export function obsoleteTypes(sql: GeneratedSql, { types }: Installed): string[] {
  const wanted = new Set(sql.types.map(({ name }) => quotedSchema(name)))
  return types.filter((name) => !wanted.has(name))
}

function quotedSchema(name: string): string {
  return name.replace(/^hq_export\./, '"hq_export".')
}
