import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freePort } from './free-port.ts'

const ASK_ANOTHER_PROCESS = `
import { freePort } from ${JSON.stringify(import.meta.resolve('./free-port.ts'))}
console.log(await freePort(Number(process.argv[1])))`

test('a port is given to one, who may bind it', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()))
  expect(new Set(ports).size).toBe(50)
  for (const port of ports) expect(port).toBeLessThan(32_768)
  await using server = createServer()
  server.listen(ports[0], '127.0.0.1')
  await once(server, 'listening')
  expect(await freePort(ports[0])).not.toBe(ports[0])
})

test('a port that nobody has bound yet is given to no other process', async () => {
  const port = await freePort()
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    ASK_ANOTHER_PROCESS,
    String(port),
  ])
  expect(Number(stdout)).toBeGreaterThan(0)
  expect(Number(stdout)).not.toBe(port)
})

test('a preferred port is given where it is free', async () => {
  const preferred = Array.from({ length: 10 }, (_, index) => 15_000 + index)
  const given = await Promise.all(preferred.map((port) => freePort(port)))
  expect(given.filter((port) => preferred.includes(port))).not.toEqual([])
})
