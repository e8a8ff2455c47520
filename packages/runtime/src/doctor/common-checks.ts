import type pg from 'pg'
import { ACT_AS } from '../postgres/act-as.ts'
import { MigrationStateError, type Migrations } from '../postgres/migrations.ts'
import type { OwnLocks } from '../postgres/own-locks.ts'
import { readServer, unsupportedServer } from '../postgres/supported-server.ts'
import { type CheckOf, fail, ok, warn } from './finding.ts'

/** What the checks of every database look at. */
export interface LoginExamination {
  /** Session of the login role as it is. */
  readonly login: pg.Client
}

const RECOVERY = /* sql */ `select pg_catalog.pg_is_in_recovery() as standby`

/**
 * We write to the primary only.
 * @param variable setting that says where it is.
 */
export function primaryCheck(variable: string): CheckOf<LoginExamination> {
  return {
    name: 'primary',
    async examine({ login }) {
      const { rows } = await login.query<{ standby: boolean }>(RECOVERY)
      return rows[0]?.standby === false
        ? ok('not in recovery')
        : fail('the server is a standby, in recovery', `point ${variable} at the primary`)
    },
  }
}

/** The server is one that we run on, and the database holds every text. */
export function serverCheck(database: string): CheckOf<LoginExamination> {
  return {
    name: 'server',
    async examine({ login }) {
      const facts = await readServer(login)
      const problem = unsupportedServer(database, facts)
      if (problem === undefined) return ok(`PostgreSQL ${facts.version}, ${facts.encoding}`)
      const [found = '', todo = ''] = problem.split('; ')
      return fail(found, todo)
    },
  }
}

// Being a member is not enough: our sessions say SET ROLE.
const MEMBERSHIP = /* sql */ `
select current_user as login, r.oid is not null as exists,
       coalesce(pg_catalog.pg_has_role(current_user, r.oid, ${ACT_AS}), false) as may_set
from (values (1)) one
left join pg_catalog.pg_roles r on r.rolname = $1`

/**
 * Our sessions work as a role of ours, with its rights only.
 * @param migrate the command that creates it.
 */
export function loginRoleCheck(role: string, migrate: string): CheckOf<LoginExamination> {
  return {
    name: 'login-role',
    async examine({ login }) {
      const { rows } = await login.query<{ login: string; exists: boolean; may_set: boolean }>(
        MEMBERSHIP,
        [role],
      )
      const [found] = rows
      if (!found?.exists) return fail(`role ${role} does not exist`, `run: ${migrate}`)
      if (found.may_set) return ok(`${found.login} may work as ${role}`)
      return fail(`${found.login} may not work as ${role}`, `grant ${role} to "${found.login}"`)
    },
  }
}

/** The schema is the one that this build was written for. */
export function migrationsCheck(migrations: Migrations): CheckOf<LoginExamination> {
  return {
    name: 'migrations',
    isDecisive: true,
    async examine({ login }) {
      try {
        await migrations.assertApplied(login)
      } catch (error) {
        if (!(error instanceof MigrationStateError)) throw error
        const [found = '', todo = ''] = error.message.split('; ')
        return fail(found, todo)
      }
      return ok(`all ${(await migrations.list()).length} applied`)
    },
  }
}

/**
 * No stranger holds an advisory lock of ours. Our programs pass over them, and somebody should know
 * what they do there.
 * @param program of ours, as the operator calls it.
 * @param session as the program opens it.
 */
export function advisoryLocksCheck<E>(
  locks: OwnLocks,
  program: string,
  session: (examination: E) => Promise<pg.Client>,
): CheckOf<E> {
  return {
    name: 'advisory-locks',
    async examine(examination) {
      const strangers = await locks.listStrangers(await session(examination))
      if (strangers.length === 0) return ok("in nobody else's hands")
      return strangers.map(({ lock, pid, login }) =>
        warn(
          `${pid === null ? 'a prepared transaction' : `pid ${pid} of ${login}`} holds the lock ` +
            `"${lock}", or waits for it, and is no ${program}`,
          `a ${program} works all the same; end it if nobody knows what it is for`,
        ),
      )
    },
  }
}

/**
 * Our programs see every row of our tables: what is hidden would be taken for what is not there.
 * @param find the tables that are not seen as a whole by a session, and what to do.
 * @param session as the program opens it.
 */
export function hiddenRowsCheck<E>(
  find: (
    client: pg.Client,
  ) => Promise<readonly { readonly found: string; readonly todo: string }[]>,
  session: (examination: E) => Promise<pg.Client>,
): CheckOf<E> {
  return {
    name: 'hidden-rows',
    async examine(examination) {
      const hidden = await find(await session(examination))
      if (hidden.length === 0) return ok('no row of ours is hidden')
      return hidden.map(({ found, todo }) => fail(found, todo))
    },
  }
}

const DURABILITY = /* sql */ `
select pg_catalog.current_setting('fsync') as fsync,
       pg_catalog.current_setting('full_page_writes') as full_page_writes,
       pg_catalog.current_setting('synchronous_commit') as synchronous_commit`

/** What a server says of its disk. */
export interface Durability {
  readonly fsync: string
  readonly full_page_writes: string
  readonly synchronous_commit: string
}

/** @returns undefined for `lost` where a crash of the machine loses nothing that was committed. */
export async function readDurability(
  client: pg.ClientBase,
): Promise<{ readonly settings: Durability; readonly lost: string | undefined }> {
  const settings = (await client.query<Durability>(DURABILITY)).rows[0]
  if (settings === undefined) throw new Error('a server has settings')
  const { fsync, full_page_writes } = settings
  const isLost = fsync === 'off' || full_page_writes === 'off'
  return {
    settings,
    lost: isLost ? `fsync ${fsync}, full_page_writes ${full_page_writes}` : undefined,
  }
}

const STATEMENTS = 5

/** Process ids of the server behind a few statements: more than one behind a pooler. */
export async function readBackends(client: pg.ClientBase): Promise<ReadonlySet<number>> {
  const pids = new Set<number>()
  for (let statement = 0; statement < STATEMENTS; statement++) {
    const { rows } = await client.query<{ pid: number }>(
      'select pg_catalog.pg_backend_pid() as pid',
    )
    if (rows[0] !== undefined) pids.add(rows[0].pid)
  }
  return pids
}

/** A finding, where {@link readBackends} saw several. */
export function severalBackends(pids: ReadonlySet<number>, variable: string) {
  return fail(
    `${STATEMENTS} statements ran on ${pids.size} servers' sessions: a transaction pooler`,
    `point ${variable} at PostgreSQL itself`,
  )
}
