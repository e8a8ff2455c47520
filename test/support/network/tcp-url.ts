/** The URL of the same database over TCP, where the given one may name a socket. */
export function tcpUrl(databaseUrl: string | URL): URL {
  const url = new URL(databaseUrl)
  url.searchParams.delete('host')
  return url
}
