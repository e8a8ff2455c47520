import { readdir, readFile } from 'node:fs/promises'
import type { MigrationBuilder } from 'node-pg-migrate'
import type pg from 'pg'
import { OperatorError } from '../operator-error.ts'
import { type InstallRights, readInstallRights } from './missing-rights.ts'
import { COMMON_SETTINGS, openSession, sessionConfig } from './session.ts'
import { readServer, unsupportedServer } from './supported-server.ts'
import { unhideTables } from './unhide-tables.ts'

const SEARCH_PATH = ['pg_catalog', 'pg_temp']
const MIGRATIONS_TABLE = 'migration'
/** As the library would create it. */
const MIGRATIONS_COLUMNS =
  'id serial primary key, name varchar(255) not null, run_on timestamp not null'
/** Two who create the same schema, table or its type at once: one of them is told so. */
const CREATED_MEANWHILE = ['23505', '42P06', '42P07', '42710']
const CREATE_ATTEMPTS = 5
/**
 * Two databases of one server get our roles at once: seen on PostgreSQL 15, where one of them finds
 * that a role is granted already, or does not find the one whose creation it has just waited for,
 * because it remembers that there was none.
 */
const ROLE_MEANWHILE = ['23505', '42704']

// A superuser is a member of every role; that says nothing about the role.
const STRANGE_OWNER = /* sql */ `
select o.rolname as owner, me.rolname as user
from pg_catalog.pg_namespace n
join pg_catalog.pg_roles o on o.oid = n.nspowner
join pg_catalog.pg_roles me on me.rolname = current_user
where n.nspname = $1 and not o.rolsuper and o.oid <> me.oid
  and (me.rolsuper or not pg_catalog.pg_has_role(me.oid, o.oid, 'member'))`

const MIGRATION_FILE_PATTERN = /^\d{4}_[a-z0-9_]+\.sql$/

/** A schema of ours. */
export interface OurSchema {
  readonly name: string
  /** Its tables have row level security with policies of ours. */
  readonly isPoliced?: boolean
  /**
   * Statement by which a migration creates it, to be left out where somebody has; the first one is
   * created before any migration.
   */
  readonly createdBy?: string
}

/** A role of ours. */
export interface OurRole {
  readonly name: string
  /** Whoever migrates, or works, acts as it. */
  readonly isActedAs: boolean
  /**
   * Statement by which a migration grants it to whoever migrates, to be left out where that is so
   * already and the login may not grant.
   */
  readonly grantedBy?: string
}

/** A database that a program migrates. */
export interface MigratedDatabase {
  /** As the operator knows it. */
  readonly name: string
  /** Where its SQL stands, one numbered file per change. */
  readonly folder: string
  /** Ours in it; the first one holds the table of what was applied. */
  readonly schemas: readonly [OurSchema, ...OurSchema[]]
  /** Ours on its server. */
  readonly roles: readonly OurRole[]
  /** Command that applies what is missing. */
  readonly command: string
}

/**
 * The database does not have exactly the migrations that this build was written for, or cannot have
 * them.
 */
export class MigrationStateError extends OperatorError {
  override readonly name = 'MigrationStateError'
}

/** The migrations of one database. */
export class Migrations {
  readonly #database: MigratedDatabase

  constructor(database: MigratedDatabase) {
    this.#database = database
  }

  /** Where its SQL stands. */
  get folder(): string {
    return this.#database.folder
  }

  /** Names of this build's migrations, in order. */
  async list(): Promise<string[]> {
    const files = await readdir(this.folder)
    return files
      .filter((file) => MIGRATION_FILE_PATTERN.test(file))
      .map((file) => file.replace(/\.sql$/, ''))
      .sort()
  }

  /**
   * Brings the database to this build's migrations, each in a transaction of its own, under a lock
   * that only their owner can take.
   * @returns names of the migrations that were applied now; empty when there was nothing to do.
   * @throws {MigrationStateError} before anything is created, where the server is not supported, or
   * saying what to grant.
   */
  async apply(databaseUrl: string): Promise<string[]> {
    const client = await this.#connect(databaseUrl)
    try {
      await this.#assertSupported(client)
      await this.#assertOwnSchema(client)
      const isNew = (await this.#listApplied(client)).length === 0
      const rights = isNew ? await readInstallRights(client, this.#database) : undefined
      if (rights !== undefined && rights.missing.length > 0) {
        throw new MigrationStateError(rights.missing.join('\n'))
      }
      await this.#ensureTable(client)
      await unhideTables(client, this.#database)
      const applied = await this.#underLock(databaseUrl, () => this.#run(client, rights))
      await unhideTables(client, this.#database)
      return applied
    } finally {
      await client.end()
    }
  }

  /**
   * Refuses to go on with a database that lacks migrations or has ones that this build does not
   * know, or on a server that is not supported.
   * @throws {MigrationStateError} naming the migrations and the command that helps, or what is
   * there and what is needed.
   */
  async assertApplied(client: pg.ClientBase | pg.Pool): Promise<void> {
    const { name, command } = this.#database
    await this.#assertSupported(client)
    const known = await this.list()
    const applied = await this.#listApplied(client)
    const missing = known.filter((migration) => !applied.includes(migration))
    const unknown = applied.filter((migration) => !known.includes(migration))
    if (missing.length > 0) {
      throw new MigrationStateError(`${name} lacks ${missing.join(', ')}; run: ${command}`)
    }
    if (unknown.length > 0) {
      throw new MigrationStateError(
        `${name} has ${unknown.join(', ')}, which this build does not know; run the newer build`,
      )
    }
  }

  /**
   * Whoever owns a schema may put into it what we would then run; somebody without rights may have
   * been there first.
   */
  async #assertOwnSchema(client: pg.ClientBase): Promise<void> {
    const { name, schemas } = this.#database
    const schema = schemas[0].name
    const { rows } = await client.query<{ owner: string; user: string }>(STRANGE_OWNER, [schema])
    const [found] = rows
    if (found === undefined) return
    throw new MigrationStateError(
      `schema ${schema} of ${name} belongs to ${found.owner}, who could run code as ` +
        `${found.user}; drop it, or: alter schema ${schema} owner to ${found.user}`,
    )
  }

  #connect(databaseUrl: string): Promise<pg.Client> {
    return openSession(sessionConfig(databaseUrl, 'hq-export migrate'), COMMON_SETTINGS, () => {})
  }

  async #assertSupported(client: pg.ClientBase | pg.Pool): Promise<void> {
    const problem = unsupportedServer(this.#database.name, await readServer(client))
    if (problem !== undefined) throw new MigrationStateError(problem)
  }

  get #table(): string {
    return `${this.#database.schemas[0].name}.${MIGRATIONS_TABLE}`
  }

  async #exists(client: pg.ClientBase | pg.Pool): Promise<boolean> {
    const { rows } = await client.query<{ found: boolean }>(
      'select pg_catalog.to_regclass($1) is not null as found',
      [this.#table],
    )
    return rows[0]?.found ?? false
  }

  /**
   * The schema needs a right on the database to be created, and none where it is there: CREATE IF
   * NOT EXISTS asks for it all the same.
   */
  async #ensureTable(client: pg.ClientBase): Promise<void> {
    const [{ name: schema }] = this.#database.schemas
    for (let attempt = 1; !(await this.#exists(client)); attempt++) {
      try {
        const { rowCount } = await client.query(
          'select from pg_catalog.pg_namespace where nspname = $1',
          [schema],
        )
        if (rowCount === 0) await client.query(`create schema ${schema}`)
        await client.query(`create table ${this.#table} (${MIGRATIONS_COLUMNS})`)
      } catch (error) {
        const isRace = CREATED_MEANWHILE.includes((error as pg.DatabaseError).code ?? '')
        if (!isRace || attempt === CREATE_ATTEMPTS) throw error
      }
    }
  }

  /**
   * Runs `work` while nobody else migrates. The lock is one on our own table, which no stranger can
   * take, as anybody can an advisory one: SHARE UPDATE EXCLUSIVE, which keeps out its like and lets
   * the rows be written. Held by a session of its own that no time-out ends.
   */
  async #underLock<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
    const client = await this.#connect(databaseUrl)
    try {
      await client.query(
        `select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings
         where name in ('lock_timeout', 'statement_timeout', 'transaction_timeout',
           'idle_in_transaction_session_timeout')`,
      )
      await client.query('begin')
      await client.query(`lock table ${this.#table} in share update exclusive mode`)
      return await work()
    } finally {
      await client.end()
    }
  }

  /**
   * A migration that lost a race for one of our roles is rolled back, and finds it there the next
   * time. It is lost twice for each at most, when it is created and when it is granted.
   */
  async #run(client: pg.Client, rights: InstallRights | undefined): Promise<string[]> {
    const before = await this.#listApplied(client)
    for (let races = 0; ; races++) {
      try {
        await this.#runMissing(client, rights)
        const applied = await this.#listApplied(client)
        return applied.filter((name) => !before.includes(name))
      } catch (error) {
        const isRace = ROLE_MEANWHILE.includes((error as pg.DatabaseError).code ?? '')
        if (!isRace || races === 2 * this.#database.roles.length) throw error
        await client.query('rollback')
      }
    }
  }

  async #runMissing(client: pg.Client, rights: InstallRights | undefined): Promise<void> {
    // Programs that work only look which migrations there are; they do without the library and its
    // memory.
    const { runner } = await import('node-pg-migrate')
    const [{ name: schema }] = this.#database.schemas
    await runner({
      dbClient: client,
      dir: this.folder,
      ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
      direction: 'up',
      // The library sets the search path to it.
      schema: SEARCH_PATH,
      migrationsSchema: schema,
      migrationsTable: MIGRATIONS_TABLE,
      migrationLoaderStrategies: [
        { extensions: ['.sql'], loader: (paths) => this.#load(paths, rights) },
      ],
      noLock: true,
      log: () => {},
    })
  }

  /**
   * Migrations as they are, but for a statement that an administrator has run already and that this
   * login may not run.
   */
  async #load(paths: readonly string[], rights: InstallRights | undefined) {
    const { schemas, roles } = this.#database
    const done = [
      ...schemas.filter(({ name }) => rights?.schemas.includes(name)).map((ours) => ours.createdBy),
      ...roles.filter(({ name }) => rights?.heldRoles.includes(name)).map((ours) => ours.grantedBy),
    ].filter((statement) => statement !== undefined)
    return Promise.all(
      paths.map(async (path) => {
        const text = await readFile(path, 'utf8')
        const sql = done.reduce((rest, statement) => rest.replace(`\n${statement}\n`, '\n'), text)
        return {
          id: path,
          filePaths: [path],
          actions: { up: (pgm: MigrationBuilder) => pgm.sql(sql) },
        }
      }),
    )
  }

  async #listApplied(client: pg.ClientBase | pg.Pool): Promise<string[]> {
    if (!(await this.#exists(client))) return []
    const applied = await client.query<{ name: string }>(
      `select name from ${this.#table} order by run_on, id`,
    )
    return applied.rows.map(({ name }) => name)
  }
}
