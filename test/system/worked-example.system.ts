import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spawnGateway } from '../support/programs/ingest-process.ts'
import { createHqDatabase, type TestDatabase } from '../support/servers/databases.ts'
import { PATH, requireProgram } from './system-program.ts'

const PROTOCOL = join(import.meta.dirname, '..', '..', 'docs', 'PROTOCOL.md')

let hq: TestDatabase
let folder: string

beforeAll(async () => {
  requireProgram('curl', ['--version'])
  requireProgram('openssl', ['version'])
  hq = await createHqDatabase()
  folder = await mkdtemp(join(tmpdir(), 'hq-export-example-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await hq[Symbol.asyncDispose]()
})

test('the worked example of docs/PROTOCOL.md, run by sh with curl, prints the answers that stand there', async () => {
  const document = await readFile(PROTOCOL, 'utf8')
  const section = document.split(/^## A worked example$/m)[1]?.split(/^## /m)[0] ?? ''
  const blocks = [...section.matchAll(/^```(\w+)\n(.*?)\n```$/gms)]
  expect(blocks.map(([, language]) => language)).toEqual(['sh', 'json', 'sh', 'json'])
  const [first = '', answer = '', second = '', refusal = ''] = blocks.map(([, , code]) => code)
  const [, keys = ''] = /INGEST_KEYS=(\S+)/.exec(section) ?? []
  const gateway = await spawnGateway(hq.url, { INGEST_KEYS: keys })
  const run = async (script: string) => {
    const { stdout, stderr } = await promisify(execFile)('sh', ['-eu', '-c', script], {
      cwd: folder,
      env: { PATH, GATEWAY: gateway.url },
    })
    expect(stderr).toBe('')
    return stdout
  }
  expect(await run(first)).toBe(answer)
  expect(await run(first)).toBe(answer)
  expect(await run(`${first} > /dev/null\n${second}`)).toBe(refusal)

  const client = await hq.connect()
  const { rows } = await client.query(
    'select event_id, metadata_json::text from hq.dx_operation_events_v1',
  )
  expect(rows).toEqual([
    { event_id: '6f0c1a52-7d7a-4c7e-9a53-0d1f0e7c2b11', metadata_json: '{"cost": 1.10}' },
  ])
})
