/**
 * Settings that belong to one program only, and secrets: each child gets exactly those that it
 * needs.
 */
const PRIVATE_VARIABLES = new Set([
  'CONSOLE_PROXY_SECRET',
  'CONSOLE_URL',
  'CONSOLE_USERS',
  'CONSOLE_USER_HEADER',
  'DX_DATABASE_URL',
  'HQ_DATABASE_URL',
  'HQ_INGEST_URL',
  'HQ_SIGNING_SECRET',
  'INGEST_KEYS',
  'INGEST_MASTER_KEY',
  'OTEL_SERVICE_NAME',
])

/**
 * The environment of a child: ours (`OTEL_*`, `RELAY_COMPRESSION`, `PATH`, ...) without what
 * belongs to the other app, and `settings` on top.
 */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  settings: Readonly<Record<string, string>>,
): Record<string, string> {
  const inherited = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !PRIVATE_VARIABLES.has(entry[0]),
  )
  return { ...Object.fromEntries(inherited), ...settings }
}
