import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RawConnection } from '../../support/network/raw-connection.ts'
import { AppProcess } from '../../support/programs/app-process.ts'
import { Pipeline } from '../../support/programs/pipeline.ts'
import { insertCompany, insertOrg } from '../../support/reference-rows.ts'

/*
 * The console as a process beside relay and gateway: whatever happens to it, rows arrive.
 */

/** Connections that send a byte and no more. */
const SLOW_CLIENTS = 150
const FLOOD = 100

let pipeline: Pipeline
let orgId: string

beforeAll(async () => {
  pipeline = await Pipeline.create()
  await pipeline.startGateway()
  pipeline.startRelay()
  orgId = await insertOrg(pipeline.dx)
})
afterAll(() => pipeline[Symbol.asyncDispose]())

function startConsole(): AppProcess {
  return new AppProcess('console', ['serve'], {
    HQ_DATABASE_URL: pipeline.hqDatabase.url,
    DX_DATABASE_URL: pipeline.dxDatabase.url,
    CONSOLE_PORT: '0',
  })
}

async function addressOf(console: AppProcess): Promise<string> {
  const line = await console.says('"listening"')
  return (JSON.parse(line) as { url: string }).url
}

/** A row arrives, from its commit on. */
async function aRowArrives(): Promise<void> {
  await pipeline.arrives(await insertCompany(pipeline.dx, orgId))
}

async function statusOf(url: string): Promise<number> {
  // A connection of its own: one that was kept may just be closed.
  const { statusCode, body } = await request(url, { reset: true })
  await body.dump()
  return statusCode
}

test('rows arrive while it is asked by many, hangs, and is killed; it comes back by itself', async () => {
  await aRowArrives()
  await using console = startConsole()
  const url = await addressOf(console)
  expect(await statusOf(`${url}/`)).toBe(200)

  const flood = Array.from({ length: FLOOD }, (_, i) => statusOf(`${url}/refused?code=${i}`))
  const [codes] = await Promise.all([Promise.all(flood), aRowArrives()])
  expect(new Set(codes)).toStrictEqual(new Set([200]))

  console.signal('SIGSTOP')
  await aRowArrives()
  console.signal('SIGCONT')
  expect(await statusOf(`${url}/`)).toBe(200)

  await console.kill()
  await aRowArrives()
  await using again = startConsole()
  expect(await statusOf(`${await addressOf(again)}/`)).toBe(200)
  expect(await again.terminate()).toBe(0)
})

test('who sends slowly is shown out, and keeps nobody out meanwhile', async () => {
  await using console = startConsole()
  const url = await addressOf(console)
  const slow = Array.from({ length: SLOW_CLIENTS }, () => new RawConnection(url))
  try {
    for (const connection of slow) connection.send('GET / HTTP/1.1\r\nhost: local')
    expect(await statusOf(`${url}/`)).toBe(200)
    await aRowArrives()
    for (const connection of slow) expect(await connection.closed()).toMatch(/^HTTP\/1\.1 408 /)
    expect(await statusOf(`${url}/`)).toBe(200)
  } finally {
    for (const connection of slow) connection[Symbol.dispose]()
  }
})
