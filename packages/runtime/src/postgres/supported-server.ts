import type pg from 'pg'

/**
 * Major versions of PostgreSQL that either side runs on, from the oldest to the newest: these are
 * what the tests run on.
 */
const OLDEST = 15
const NEWEST = 18
/** Every value of the contract is Unicode. */
const ENCODING = 'UTF8'

/** What a server says of itself. */
export interface ServerFacts {
  /** `server_version_num`. */
  readonly number: number
  /** `server_version`, without what a packager added. */
  readonly version: string
  /** Of the database. */
  readonly encoding: string
}

const FACTS = /* sql */ `
select pg_catalog.current_setting('server_version_num')::int4 as number,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) as version,
       pg_catalog.current_setting('server_encoding') as encoding`

/** Asks the server which PostgreSQL it is. */
export async function readServer(client: pg.ClientBase | pg.Pool): Promise<ServerFacts> {
  const facts = (await client.query<ServerFacts>(FACTS)).rows[0]
  if (facts === undefined) throw new Error('a server has a version')
  return facts
}

/**
 * Why a database cannot be used, in one sentence.
 * @param name of the database, as the operator knows it.
 * @returns undefined where it can.
 */
export function unsupportedServer(
  name: string,
  { number, version, encoding }: ServerFacts,
): string | undefined {
  const major = Math.floor(number / 10_000)
  if (major < OLDEST || major > NEWEST) {
    return `${name} runs on PostgreSQL ${version}; versions ${OLDEST} to ${NEWEST} are supported`
  }
  if (encoding !== ENCODING) {
    return `the encoding of ${name} is ${encoding}; a database with encoding ${ENCODING} is needed`
  }
  return undefined
}
