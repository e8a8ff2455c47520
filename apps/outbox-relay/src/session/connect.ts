import {
  COMMON_SETTINGS,
  confirmSettings,
  openSession,
  sessionConfig as programConfig,
  type SessionSettings,
} from '@hq-export/runtime/postgres/session.ts'
import pg from 'pg'
import { VALUE_SETTINGS } from './value-settings.ts'
import { whyNotConnected } from './why-not-connected.ts'

/**
 * Role of every session that delivers; it may read the outbox and write our bookkeeping, nothing
 * else.
 */
const RELAY_ROLE = 'hq_export_relay'

/*
 * What the engine's statements rely on beside what every session of ours has. READ COMMITTED: under
 * REPEATABLE READ the rotation would prove emptiness in an old snapshot and truncate rows that it
 * cannot see. Index scans only: the outbox has no statistics, and sorting a window of millions to
 * read one page of it costs seconds. Time-outs: the leading session is idle by nature, and a page
 * may take longer than what is right for the application. Values as text: as captures write them.
 * Keepalives: a relay whose machine vanished must not hold the lead for hours.
 */
const SESSION_SETTINGS: SessionSettings = {
  ...COMMON_SETTINGS,
  role: RELAY_ROLE,
  default_transaction_read_only: 'off',
  ...VALUE_SETTINGS,
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  jit: 'off',
  // On disk here is enough: what the relay remembers, a failover undoes together with all that came
  // after it. A standby that is away holds nothing up.
  synchronous_commit: 'local',
  idle_in_transaction_session_timeout: '1min',
  idle_session_timeout: '0',
  statement_timeout: '0',
  lock_timeout: '0',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
}

const CONNECTING = {
  keepAlive: true,
  keepAliveInitialDelayMillis: 5_000,
  connectionTimeoutMillis: 10_000,
} as const

/**
 * Connection settings of a relay session; `purpose` shows in `pg_stat_activity`, `settings` go
 * before the common ones.
 */
export function sessionConfig(
  databaseUrl: string,
  purpose: string,
  settings: SessionSettings = {},
): pg.ClientConfig {
  return {
    ...programConfig(databaseUrl, `outbox-relay ${purpose}`, { ...SESSION_SETTINGS, ...settings }),
    ...CONNECTING,
  }
}

/**
 * Opens one relay session.
 * @param onLost called once if the server ends the session while nobody waits for a result.
 * @throws {MigrationStateError} where the role that it works as is not there yet; the reason in one
 * sentence where that can be told.
 * @throws {SessionSettingsError} when it lacks a setting that we rely on.
 */
export function connect(
  databaseUrl: string,
  purpose: string,
  onLost: (error: Error) => void,
  settings: SessionSettings = {},
): Promise<pg.Client> {
  return opened(
    databaseUrl,
    openSession(
      sessionConfig(databaseUrl, purpose, settings),
      { ...SESSION_SETTINGS, ...settings },
      onLost,
    ),
  )
}

/** Few relay sessions, each opened when it is needed. `purpose` and `settings` as above. */
export function createSessionPool(
  databaseUrl: string,
  purpose: string,
  maxSessions: number,
  settings: SessionSettings,
): pg.Pool {
  return new pg.Pool({
    ...sessionConfig(databaseUrl, purpose, settings),
    max: maxSessions,
    onConnect: (client) => confirmSettings(client, { ...SESSION_SETTINGS, ...settings }),
  })
}

async function opened(databaseUrl: string, opening: Promise<pg.Client>): Promise<pg.Client> {
  try {
    return await opening
  } catch (error) {
    throw await whyNotConnected(error, databaseUrl)
  }
}

/**
 * Opens one session as the login role, which binds: its rights, none of the relay's settings.
 * @param applicationName shows in `pg_stat_activity`.
 * @throws {SessionSettingsError} when it lacks a setting that we rely on.
 */
export function connectLogin(
  databaseUrl: string,
  applicationName: string,
  onLost: (error: Error) => void = () => {},
  settings: SessionSettings = COMMON_SETTINGS,
): Promise<pg.Client> {
  const config = programConfig(databaseUrl, applicationName, settings)
  return opened(databaseUrl, openSession({ ...config, ...CONNECTING }, settings, onLost))
}
