import pg from 'pg'
import { OperatorError } from '../operator-error.ts'

/** Settings by name, each as `SHOW` prints it. */
export type SessionSettings = Readonly<Record<string, string>>

/**
 * How names and values are read and written, in every session of both programs, whatever the
 * database, the login role or the operator's URL has as default.
 *
 * search_path: with both named, nothing in `public` and no temporary object is found before, or
 * instead of, what PostgreSQL itself has. Everything of ours is named with its schema. array_nulls
 * and standard_conforming_strings: how parameters and literals are read. quote_all_identifiers: how
 * the catalog spells names.
 */
export const READING_SETTINGS = {
  search_path: 'pg_catalog, pg_temp',
  row_security: 'on',
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  array_nulls: 'on',
  transform_null_equals: 'off',
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
} as const satisfies SessionSettings

/**
 * What every session relies on that changes something. Not default_transaction_read_only: hosts
 * turn it on when a disk is full, and mean it.
 */
export const COMMON_SETTINGS: SessionSettings = {
  ...READING_SETTINGS,
  default_transaction_isolation: 'read committed',
}

/** Parameters of a database URL that the driver sends as settings, after `options`. */
const SETTING_PARAMETERS = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
]
/** Parameters of a database URL that would take the place of what a program says of its session. */
const FOREIGN_PARAMETERS = [
  ...SETTING_PARAMETERS,
  'options',
  'application_name',
  'fallback_application_name',
  'query_timeout',
  'client_encoding',
  'encoding',
  'replication',
]

/**
 * A session does not have a setting that our statements rely on: something between us and
 * PostgreSQL, or a right that is missing.
 */
export class SessionSettingsError extends OperatorError {
  override readonly name = 'SessionSettingsError'
}

function optionOf([name, value]: [string, string]): string {
  return `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`
}

/**
 * How to open a session with settings of ours. Settings that `databaseUrl` gives (`?options=`,
 * `?statement_timeout=`) are kept where we have none; its application_name is not. Those of the
 * environment (PGOPTIONS, PGAPPNAME) count for nothing.
 * @param applicationName shows in `pg_stat_activity`.
 */
export function sessionConfig(
  databaseUrl: string,
  applicationName: string,
  settings: SessionSettings = COMMON_SETTINGS,
): pg.ClientConfig {
  const url = new URL(databaseUrl)
  const options = [
    url.searchParams.get('options'),
    ...SETTING_PARAMETERS.flatMap((name) => {
      const value = url.searchParams.get(name)
      return value ? [optionOf([name, value])] : []
    }),
    // Of two values of one setting the last counts.
    ...Object.entries(settings).map(optionOf),
  ]
  for (const name of FOREIGN_PARAMETERS) url.searchParams.delete(name)
  // In the URL, because what stands there is preferred to everything else.
  url.searchParams.set('application_name', applicationName)
  url.searchParams.set('options', options.filter(Boolean).join(' '))
  return { connectionString: url.href }
}

/*
 * transaction_timeout exists from PostgreSQL 17 on; `options` with a name that the server does not
 * know would refuse the session. It ends sessions that hold what we keep, such as the lead.
 */
const NO_TRANSACTION_TIMEOUT = /* sql */ `
select pg_catalog.set_config('transaction_timeout', '0', false)
where pg_catalog.current_setting('transaction_timeout', true) is not null`

const READ_BACK = /* sql */ `
select s.name, pg_catalog.current_setting(s.name, true) as value
from pg_catalog.unnest($1::pg_catalog.text[]) s (name)`

/** A server that goes silent just here must not hold whoever opens a session. */
const ANSWER_TIMEOUT_MS = 10_000

/** The driver knows a limit per statement, its types do not. */
function within(limitMs: number, text: string, values: unknown[] = []): pg.QueryConfig {
  return { text, values, query_timeout: limitMs } as pg.QueryConfig
}

/** Depend on the kind of socket: a Unix socket has none of them, and reads as 0. */
function isOfSocket(name: string): boolean {
  return name.startsWith('tcp_keepalives')
}

/**
 * Completes and reads back the settings of a session that was opened as {@link sessionConfig} says.
 * @param answerTimeoutMs how long each of two statements may take.
 * @throws {SessionSettingsError} naming each setting that did not arrive, what it is and what it
 * should be.
 */
export async function confirmSettings(
  client: pg.ClientBase,
  settings: SessionSettings,
  answerTimeoutMs: number = ANSWER_TIMEOUT_MS,
): Promise<void> {
  await client.query(within(answerTimeoutMs, NO_TRANSACTION_TIMEOUT))
  const expected = Object.entries({ ...settings, client_encoding: 'UTF8' }).filter(
    ([name]) => !isOfSocket(name),
  )
  const { rows } = await client.query<{ name: string; value: string | null }>(
    within(answerTimeoutMs, READ_BACK, [expected.map(([name]) => name)]),
  )
  const found = new Map(rows.map(({ name, value }) => [name, value]))
  const wrong = expected.flatMap(([name, value]) => {
    const is = found.get(name) ?? null
    return is === value ? [] : [`${name} is ${is === null ? 'unknown' : `'${is}'`}, not '${value}'`]
  })
  if (wrong.length === 0) return
  throw new SessionSettingsError(
    `settings of the session do not arrive: ${wrong.join('; ')}. Connect to PostgreSQL itself: ` +
      'a pooler drops the startup parameter "options"',
  )
}

/**
 * Opens one session with settings of ours.
 * @param onLost called if the session is lost while nobody waits for a result; a statement that
 * waits reports it, too.
 * @throws {SessionSettingsError} or the error of connecting; nothing stays open then.
 */
export async function openSession(
  config: pg.ClientConfig,
  settings: SessionSettings,
  onLost: (error: Error) => void,
): Promise<pg.Client> {
  const client = new pg.Client(config)
  client.on('error', onLost)
  await client.connect()
  try {
    await confirmSettings(client, settings)
  } catch (error) {
    await client.end()
    throw error
  }
  return client
}
