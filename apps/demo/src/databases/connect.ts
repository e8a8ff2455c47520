import pg from 'pg'

/**
 * Opens one session of the demo.
 * @param purpose shows in `pg_stat_activity`.
 * @param settings of the session, by name.
 */
export async function connect(
  url: string,
  purpose: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<pg.Client> {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  const client = new pg.Client({
    connectionString: url,
    application_name: `demo ${purpose}`,
    ...(options.length === 0 ? {} : { options: options.join(' ') }),
  })
  // A session that is lost also fails the statement that is under way, or the next one. That is
  // what everybody here waits for; without a listener the event alone would end the process, and
  // leave everything behind that it started.
  client.on('error', () => {})
  await client.connect()
  // Whatever the database prefers: nothing that somebody put into `public` is found instead of
  // PostgreSQL's own.
  await client.query('set search_path = pg_catalog, pg_temp')
  return client
}

/** Opens a session for `work` and closes it. */
export async function withClient<T>(
  url: string,
  purpose: string,
  work: (client: pg.Client) => Promise<T>,
  settings: Readonly<Record<string, string>> = {},
): Promise<T> {
  const client = await connect(url, purpose, settings)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
