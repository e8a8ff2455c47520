import { stat } from 'node:fs/promises'
import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tcpUrl } from '../support/network/tcp-url.ts'

/* The servers of a run take the superuser at their word, on a socket. Nobody else may come there. */

let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await EmbeddedCluster.start({
    ...{ name: 'socket', hasSocket: true },
    settings: { fsync: 'off' },
  })
})
afterAll(() => cluster.remove())

async function ask<T>(url: URL, sql: string): Promise<T | undefined> {
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    return (await client.query<{ value: T }>(sql)).rows[0]?.value
  } finally {
    await client.end()
  }
}

function withoutPassword(url: URL, role = 'postgres'): URL {
  return Object.assign(new URL(url), { username: role, password: 'hunter2' })
}

const ADDRESS = 'select pg_catalog.inet_client_addr()::text as value'

test('the superuser comes by the socket without a password, and by nothing else', async () => {
  const bySocket = new URL(cluster.socketUrl())
  const byTcp = tcpUrl(cluster.socketUrl())
  expect(byTcp.href).toBe(cluster.url())
  expect(await ask(withoutPassword(bySocket), ADDRESS)).toBe(null)
  expect(await ask(byTcp, ADDRESS)).toBe('127.0.0.1/32')
  await expect(ask(withoutPassword(byTcp), ADDRESS)).rejects.toMatchObject({ code: '28P01' })
})

test('other roles are asked for theirs there, too', async () => {
  const url = new URL(cluster.socketUrl())
  await ask(url, "create role somebody login password 'correct'")
  await expect(ask(withoutPassword(url, 'somebody'), ADDRESS)).rejects.toMatchObject({
    code: '28P01',
  })
})

test('only the user who runs the server gets to its socket', async () => {
  const folder = new URL(cluster.socketUrl()).searchParams.get('host') ?? ''
  const { mode } = await stat(folder)
  expect(mode & 0o077).toBe(0)
})
