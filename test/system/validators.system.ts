import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installPythonEnvironment } from './python-environment.ts'

/*
 * What `contract generate` wrote, before validators of others: programs that share nothing with
 * what wrote it, nor with ajv, by which the suite holds the same files against published schemas.
 */

const GENERATED = join(import.meta.dirname, '../../packages/contract/generated')
const ODCS = readdirSync(join(GENERATED, 'odcs'))
/** Nothing listens there: a validator that asked the internet for a schema would fail. */
const NO_INTERNET = 'http://127.0.0.1:9'

let programs: string
let scratch: string

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'hq-export-validators-'))
  programs = await installPythonEnvironment()
}, 600_000)

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function run(name: string, ...args: readonly string[]) {
  const env = { HOME: scratch, http_proxy: NO_INTERNET, https_proxy: NO_INTERNET, COLUMNS: '200' }
  const { status, stdout, stderr } = spawnSync(
    join(programs, 'python'),
    [join(programs, name), ...args],
    {
      env,
      encoding: 'utf8',
    },
  )
  return { status, text: `${stdout}${stderr}` }
}

/** A generated file with a mistake in it. */
function mistaken(name: string, before: string, after: string): string {
  const text = readFileSync(join(GENERATED, name), 'utf8')
  expect(text).toContain(before)
  const path = join(scratch, name.replaceAll('/', '-'))
  writeFileSync(path, text.replace(before, after))
  return path
}

describe('datacontract lint', () => {
  const lint = (path: string) => run('datacontract', 'lint', path)

  it.each(ODCS)('takes %s', (name) => {
    expect(lint(join(GENERATED, 'odcs', name))).toMatchObject({
      status: 0,
      text: expect.stringContaining('valid against ODCS v3.1.0'),
    })
  })

  it('refuses one that lacks what ODCS asks for', () => {
    const path = mistaken('odcs/dx_operation_events_v1.odcs.yaml', 'status: active\n', '')
    expect(lint(path)).toMatchObject({
      status: 1,
      text: expect.stringContaining("'status' is a required property"),
    })
  })
})

describe('openapi-spec-validator', () => {
  const validate = (path: string) => run('openapi-spec-validator', path)

  it('takes the OpenAPI of the gateway', () => {
    expect(validate(join(GENERATED, 'openapi.json'))).toMatchObject({ status: 0 })
  })

  it('refuses a path whose parameter is not described, which no schema sees', () => {
    const path = mistaken('openapi.json', '"/v1/batches": {', '"/v1/batches/{name}": {')
    expect(validate(path)).toMatchObject({ status: 1, text: expect.stringContaining("'name'") })
  })
})
