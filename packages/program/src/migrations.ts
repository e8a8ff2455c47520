import { readdir } from 'node:fs/promises'
import type pg from 'pg'
import { COMMON_SETTINGS, openSession, sessionConfig } from './session.ts'

const SEARCH_PATH = ['pg_catalog', 'pg_temp']
const MIGRATIONS_TABLE = 'migration'
// A superuser is a member of every role; that says nothing about the role.
const STRANGE_OWNER = /* sql */ `
select o.rolname as owner, me.rolname as user
from pg_catalog.pg_namespace n
join pg_catalog.pg_roles o on o.oid = n.nspowner
join pg_catalog.pg_roles me on me.rolname = current_user
where n.nspname = $1 and not o.rolsuper and o.oid <> me.oid
  and (me.rolsuper or not pg_catalog.pg_has_role(me.oid, o.oid, 'member'))`

const MIGRATION_FILE_PATTERN = /^\d{4}_[a-z0-9_]+\.sql$/

/** A database that a program migrates. */
export interface MigratedDatabase {
  /** As the operator knows it. */
  readonly name: string
  /** Where its SQL stands, one numbered file per change. */
  readonly folder: string
  /** Ours in it, which holds the table of what was applied. */
  readonly schema: string
  /** Command that applies what is missing. */
  readonly command: string
}

/** The database does not have exactly the migrations that this build was written for. */
export class MigrationStateError extends Error {
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
   * Brings the database to this build's migrations, in one transaction under the library's lock.
   * @returns names of the migrations that were applied now; empty when there was nothing to do.
   */
  async apply(databaseUrl: string): Promise<string[]> {
    // Programs that work only look which migrations there are; they do without the library and its memory.
    const { runner } = await import('node-pg-migrate')
    const client = await openSession(
      sessionConfig(databaseUrl, 'hq-export migrate'),
      COMMON_SETTINGS,
      () => {},
    )
    try {
      await this.#assertOwnSchema(client)
      const applied = await runner({
        dbClient: client,
        dir: this.folder,
        ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
        direction: 'up',
        // The library sets the search path to it.
        schema: SEARCH_PATH,
        migrationsSchema: this.#database.schema,
        createMigrationsSchema: true,
        migrationsTable: MIGRATIONS_TABLE,
        advisoryLockMode: 'wait',
        log: () => {},
      })
      return applied.map(({ name }) => name)
    } finally {
      await client.end()
    }
  }

  /**
   * Refuses to go on with a database that lacks migrations or has ones that this build does not know.
   * @throws {MigrationStateError} naming the migrations and the command that helps.
   */
  async assertApplied(client: pg.ClientBase | pg.Pool): Promise<void> {
    const { name, command } = this.#database
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

  /** Whoever owns a schema may put into it what we would then run; somebody without rights may have been there first. */
  async #assertOwnSchema(client: pg.ClientBase): Promise<void> {
    const { name, schema } = this.#database
    const { rows } = await client.query<{ owner: string; user: string }>(STRANGE_OWNER, [schema])
    const [found] = rows
    if (found === undefined) return
    throw new MigrationStateError(
      `schema ${schema} of ${name} belongs to ${found.owner}, who could run code as ${found.user}; drop it, or: alter schema ${schema} owner to ${found.user}`,
    )
  }

  async #listApplied(client: pg.ClientBase | pg.Pool): Promise<string[]> {
    const { schema } = this.#database
    const exists = await client.query<{ found: string | null }>(
      'select pg_catalog.to_regclass($1) as found',
      [`${schema}.${MIGRATIONS_TABLE}`],
    )
    if (exists.rows[0]?.found == null) return []
    const applied = await client.query<{ name: string }>(
      `select name from ${schema}.${MIGRATIONS_TABLE} order by run_on, id`,
    )
    return applied.rows.map(({ name }) => name)
  }
}
