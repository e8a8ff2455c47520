import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

const ROOT = join(import.meta.dirname, '..', '..')
/** Where our SQL stands: in files, in query texts, and in what generates it. */
const SQL_FOLDERS = ['apps/outbox-relay/src', 'apps/hq-ingest/src', 'packages', 'migrations']

/** Everything in which a statement of ours may stand. */
async function readSources(): Promise<string> {
  const texts: string[] = []
  for (const folder of SQL_FOLDERS) {
    const entries = await readdir(join(ROOT, folder), { recursive: true })
    for (const entry of entries) {
      if (entry.includes('node_modules') || !/(?<!\.test)\.(?:ts|sql|json)$/.test(entry)) continue
      texts.push(await readFile(join(ROOT, folder, entry), 'utf8'))
    }
  }
  return texts.join('\n')
}

/** Types that values of ours have; within a line PostgreSQL turns one into another by itself. */
const KINDS = [
  ['int2', 'int4', 'int8', 'numeric', 'float8', 'oid'],
  ['text', 'varchar', 'name'],
  ['timestamptz', 'timestamp', 'interval'],
  ['json', 'jsonb', 'text[]', 'int4'],
  ['bool'],
  ['uuid'],
  ['bytea'],
  ['xid8'],
].map((kind) => kind.map((type) => `pg_catalog.${type}`))
const TEXT = 'pg_catalog.text'
const TYPES = [...new Set(KINDS.flat())]
/** What an operator is looked for with: two of a kind, or one and text, which a literal may be. */
const PAIRS = TYPES.flatMap((left) =>
  TYPES.filter(
    (right) =>
      [left, right].includes(TEXT) ||
      KINDS.some((kind) => kind.includes(left) && kind.includes(right)),
  ).map((right): [left: string, right: string] => [left, right]),
)

const CATALOG_NAMES = /* sql */ `
select array(select distinct oprname::pg_catalog.text from pg_catalog.pg_operator
  where oprkind = 'b') as operators,
  array(select distinct proname::pg_catalog.text from pg_catalog.pg_proc
    where pronamespace = 'pg_catalog'::pg_catalog.regnamespace) as functions,
  array(select relname::pg_catalog.text from pg_catalog.pg_class
    where relnamespace = 'pg_catalog'::pg_catalog.regnamespace
      and relkind in ('r', 'v')) as relations,
  array(select typname::pg_catalog.text from pg_catalog.pg_type
    where typnamespace = 'pg_catalog'::pg_catalog.regnamespace and typtype in ('b', 'r')
      and typelem = 0) as types`

// Signatures without pseudo-types, as they are, and with text where a literal of unknown type would
// take it.
const SIGNATURES = /* sql */ `
select p.proname::pg_catalog.text as name,
  array(select pg_catalog.format_type(t, null)
    from pg_catalog.unnest(p.proargtypes) with ordinality a (t, place) order by place) as types
from pg_catalog.pg_proc p
where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  and p.proname = any ($1::pg_catalog.text[])
  and not exists (select from pg_catalog.unnest(p.proargtypes) a (t)
    join pg_catalog.pg_type y on y.oid = a.t
    where y.typtype = 'p' and y.typname not in (
      'anyelement', 'anyarray', 'anynonarray', 'anycompatible', 'anycompatiblearray'))`

const BODY = `begin perform pg_catalog.nextval('public.look_alike_calls');
  raise exception 'a look-alike ran'; end`

function lookAlike(signature: string, returns: string): string {
  return `create function ${signature} returns ${returns} language plpgsql immutable
    as $look$ ${BODY} $look$`
}

// Two spellings of one signature are one function: the second is refused, and left out.
const PLANTER = /* sql */ `
create function pg_temp.plant(statements pg_catalog.text[]) returns pg_catalog.int4
  language plpgsql as $plant$
declare
  planted int := 0;
  statement text;
begin
  foreach statement in array statements loop
    begin
      execute statement;
      planted := planted + 1;
    exception when duplicate_function then null;
    end;
  end loop;
  return planted;
end $plant$`

function functionStatements(signatures: readonly { name: string; types: string[] }[]): string[] {
  const wanted = new Set<string>()
  for (const { name, types } of signatures) {
    const add = (...variant: string[]) =>
      wanted.add(`public.${pg.escapeIdentifier(name)}(${variant.join(', ')})`)
    add(...types)
    add(...types.map(() => TEXT))
    add(...types.map((type, index) => (index === 0 ? type : TEXT)))
    if (types.length === 1) for (const type of TYPES) add(type)
  }
  return [...wanted].map((signature) => lookAlike(signature, TEXT))
}

function operatorStatements(operators: readonly string[]): string[] {
  return [
    ...TYPES.flatMap((type) => [
      lookAlike(`public.look_alike(${type})`, 'pg_catalog.numeric'),
      `create operator public.- (function = public.look_alike, rightarg = ${type})`,
    ]),
    ...PAIRS.flatMap(([left, right]) => [
      lookAlike(`public.look_alike(${left}, ${right})`, 'pg_catalog.bool'),
      lookAlike(`public.look_alike_sum(${left}, ${right})`, 'pg_catalog.numeric'),
      ...operators.map((operator) => {
        const name = /^[-+*/%]$/.test(operator) ? 'look_alike_sum' : 'look_alike'
        return `create operator public.${operator}
          (function = public.${name}, leftarg = ${left}, rightarg = ${right})`
      }),
    ]),
  ]
}

function typeStatements(types: readonly string[], relations: readonly string[]): string[] {
  return [
    lookAlike('public.look_alike()', 'pg_catalog.bool'),
    ...types.map(
      (type) =>
        `create domain public.${pg.escapeIdentifier(type)} as pg_catalog.text
           check (public.look_alike())`,
    ),
    ...relations.map(
      (relation) =>
        `create view public.${pg.escapeIdentifier(relation)} as select public.look_alike() as oid`,
    ),
    `create type public.mood as enum ('good')`,
    ...['text', 'json', 'int8', 'uuid', 'timestamptz'].flatMap((type) => [
      lookAlike(`public.look_alike_of_mood_${type}(public.mood)`, `pg_catalog.${type}`),
      `create cast (public.mood as pg_catalog.${type})
       with function public.look_alike_of_mood_${type}(public.mood) as implicit`,
      lookAlike(`public.look_alike_to_mood(pg_catalog.${type})`, 'public.mood'),
      `create cast (pg_catalog.${type} as public.mood)
       with function public.look_alike_to_mood(pg_catalog.${type}) as implicit`,
    ]),
  ]
}

/**
 * Plants in `public`, as a role that may do nothing but create there, something that looks like
 * each operator, function, type and relation of PostgreSQL's that our SQL names. Each counts its
 * calls, whatever becomes of the transaction, and raises an error.
 * @param admin session of a superuser with the search path `pg_catalog`.
 * @param role that role; it exists.
 * @returns how many there are.
 */
export async function plantLookAlikes(admin: pg.Client, role: string): Promise<number> {
  const sources = await readSources()
  const words = new Set(sources.split(/[^a-z0-9_]+/i))
  const { rows } =
    await admin.query<Record<'operators' | 'functions' | 'relations' | 'types', string[]>>(
      CATALOG_NAMES,
    )
  const [names] = rows
  if (names === undefined) throw new Error('the catalog has names')
  const operators = names.operators.filter((name) => sources.includes(` ${name} `))
  const functions = names.functions.filter((name) => words.has(name))
  const signatures = (await admin.query<{ name: string; types: string[] }>(SIGNATURES, [functions]))
    .rows
  const statements = [
    ...operatorStatements(operators),
    ...functionStatements(signatures),
    ...typeStatements(
      names.types.filter((name) => words.has(name)),
      names.relations.filter((name) => words.has(name)),
    ),
  ]
  await admin.query(`grant create on schema public to ${role}`)
  await admin.query('create sequence public.look_alike_calls')
  await admin.query('grant all on sequence public.look_alike_calls to public')
  await admin.query(`set role ${role}`)
  await admin.query(PLANTER)
  const planted = await admin.query<{ planted: number }>(
    'select pg_temp.plant($1::pg_catalog.text[]) as planted',
    [statements],
  )
  await admin.query('reset role')
  return planted.rows[0]?.planted ?? 0
}

/** How often one of them ran. */
export async function countLookAlikeCalls(admin: pg.Client): Promise<string> {
  const { rows } = await admin.query<{ calls: string }>(
    `select case when is_called then last_value else 0 end as calls from public.look_alike_calls`,
  )
  return rows[0]?.calls ?? 'unknown'
}
