import { stat } from 'node:fs/promises'
import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tcpUrl } from '../support/network/tcp-url.ts'
import { withClient } from '../support/servers/databases.ts'

/* The servers of a run take the superuser at their word, on a socket. Nobody else may come there. */

const ADDRESS = 'select pg_catalog.inet_client_addr()::text as address'

let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await EmbeddedCluster.start({
    ...{ name: 'socket', hasSocket: true },
    settings: { fsync: 'off' },
  })
})
afterAll(() => cluster.remove())

/** Where the server sees the session come from; null on the socket. */
function addressAt(url: URL): Promise<string | null | undefined> {
  return withClient(url.href, async (client) => {
    const { rows } = await client.query<{ address: string | null }>(ADDRESS)
    return rows[0]?.address
  })
}

function withWrongPassword(url: URL, role = 'postgres'): URL {
  return Object.assign(new URL(url), { username: role, password: 'hunter2' })
}

test('the superuser comes by the socket without a password, and by nothing else', async () => {
  const bySocket = new URL(cluster.socketUrl())
  const byTcp = tcpUrl(cluster.socketUrl())
  expect(byTcp.href).toBe(cluster.url())
  expect(await addressAt(withWrongPassword(bySocket))).toBe(null)
  expect(await addressAt(byTcp)).toBe('127.0.0.1/32')
  await expect(addressAt(withWrongPassword(byTcp))).rejects.toMatchObject({ code: '28P01' })
})

test('other roles are asked for theirs there, too', async () => {
  const url = new URL(cluster.socketUrl())
  await withClient(url.href, (client) =>
    client.query("create role somebody login password 'correct'"),
  )
  await expect(addressAt(withWrongPassword(url, 'somebody'))).rejects.toMatchObject({
    code: '28P01',
  })
})

test('only the user who runs the server gets to its socket', async () => {
  const folder = new URL(cluster.socketUrl()).searchParams.get('host') ?? ''
  const { mode } = await stat(folder)
  expect(mode & 0o077).toBe(0)
})
