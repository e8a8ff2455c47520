import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { ACT_AS } from './act-as.ts'

/*
 * An advisory lock outlives transactions and holds no snapshot, but anybody who can log in may take
 * it, too. So its key stands in a table that only our role may read and write, a lock counts only
 * in the hands of a session that may act as that role, and whoever finds it in other hands writes a
 * new key and takes that one. A stranger learns a key from pg_locks only once it is held.
 */

/** What became of asking for a lock. */
export interface Taking {
  /**
   * Key under which this session holds the lock now; undefined where another session of ours does.
   */
  readonly key: string | undefined
  /**
   * Sessions that held a key although they are none of ours; null for a prepared transaction. They
   * do not matter any more.
   */
  readonly strangers: readonly (number | null)[]
}

/** Somebody who holds a lock of ours, or waits for it, and is none of us. */
export interface Stranger {
  readonly lock: string
  readonly pid: number | null
  readonly login: string | null
}

/**
 * SQL: true where `pg_locks l` is an advisory lock on this bigint, in this database, held or waited
 * for.
 */
function isLockOn(key: string): string {
  return `l.locktype = 'advisory'
  and l.database = (select oid from pg_catalog.pg_database
    where datname = pg_catalog.current_database())
  and ((l.classid::bigint << 32) | l.objid::bigint) = ${key} and l.objsubid = 1`
}

/** Session level locks of one program, by name. */
export class OwnLocks {
  readonly #table: string
  readonly #role: string

  /** @param table qualified, with columns `name` and `key`; @param role that it belongs to. */
  constructor(table: string, role: string) {
    this.#table = table
    this.#role = role
  }

  /** SQL: true where `pg_locks l` belongs to a session of ours. */
  get #isOurs(): string {
    return `exists (
    select from pg_catalog.pg_stat_activity a
    where a.pid = l.pid and pg_catalog.pg_has_role(a.usesysid, '${this.#role}', ${ACT_AS}))`
  }

  /**
   * SQL: true where `pg_locks l` is the lock of this name in our hands. @param key SQL for its key;
   * by default it is looked up, which only our role may.
   */
  heldCondition(
    name: string,
    key = `(select key from ${this.#table} where name = '${name}')`,
  ): string {
    return `${isLockOn(key)} and l.granted and ${this.#isOurs}`
  }

  /** Key of the lock, as text. */
  async readKey(client: pg.ClientBase, name: string): Promise<string> {
    const { rows } = await client.query<{ key: string }>(
      `select key::text as key from ${this.#table} where name = $1`,
      [name],
    )
    if (rows[0] === undefined) throw new Error(`${this.#table} has no row ${name}`)
    return rows[0].key
  }

  /** True while a session of ours holds it, whoever asks. */
  async isHeld(client: pg.ClientBase, name: string): Promise<boolean> {
    const { rows } = await client.query<{ found: boolean }>(
      `select exists (select from pg_catalog.pg_locks l
        where ${this.heldCondition(name)}) as found`,
    )
    return rows[0]?.found ?? false
  }

  /** Sessions that hold one of our locks, or wait for it, and are none of ours. */
  async listStrangers(client: pg.ClientBase): Promise<Stranger[]> {
    const { rows } = await client.query<Stranger>(
      `select k.name as lock, l.pid, s.usename as login
       from ${this.#table} k join pg_catalog.pg_locks l on ${isLockOn('k.key')}
       left join pg_catalog.pg_stat_activity s on s.pid = l.pid
       where not ${this.#isOurs}
       order by k.name, l.pid`,
    )
    return rows
  }

  /**
   * Takes the lock if no session of ours holds it; until this session ends or {@link release}.
   * Never waits: a waiter would hold a snapshot and keep vacuum back.
   */
  async take(client: pg.ClientBase, name: string): Promise<Taking> {
    let strangers: readonly (number | null)[] = []
    for (;;) {
      const key = await this.readKey(client, name)
      const tried = await client.query<{ held: boolean }>(
        'select pg_catalog.pg_try_advisory_lock($1::bigint) as held',
        [key],
      )
      if (tried.rows[0]?.held) return { key, strangers }
      const found = await this.#strangersOn(client, key)
      // Of ours; or one that was new a moment ago, which only one of ours can have taken.
      if (found.length === 0 || strangers.length > 0) return { key: undefined, strangers }
      strangers = found
      await this.renew(client, name, key)
    }
  }

  /** True where the holder of this key is none of ours. */
  async isHeldByStranger(client: pg.ClientBase, key: string): Promise<boolean> {
    return (await this.#strangersOn(client, key)).length > 0
  }

  /**
   * Writes a new key, which nobody can know. Of two who do so at once, one finds that the other
   * has. @param old the key that was found.
   */
  async renew(client: pg.ClientBase, name: string, old: string): Promise<void> {
    await client.query(`update ${this.#table} set key = $3 where name = $1 and key = $2`, [
      name,
      old,
      randomBytes(8).readBigInt64BE().toString(),
    ])
  }

  async #strangersOn(client: pg.ClientBase, key: string): Promise<(number | null)[]> {
    const { rows } = await client.query<{ pid: number | null }>(
      `select l.pid from pg_catalog.pg_locks l
        where ${isLockOn('$1::bigint')} and l.granted and not ${this.#isOurs}`,
      [key],
    )
    return rows.map(({ pid }) => pid)
  }

  /** Gives a lock back before the session ends. */
  async release(client: pg.ClientBase, key: string): Promise<void> {
    await client.query('select pg_catalog.pg_advisory_unlock($1::bigint)', [key])
  }
}
