import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { requireProgram } from './system-program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const FOLDER = join(ROOT, 'deploy', 'prometheus')
const run = promisify(execFile)

beforeAll(() => requireProgram('promtool', ['--version']))

async function alertNames(): Promise<string[]> {
  const rules = await readFile(join(FOLDER, 'alerts.yml'), 'utf8')
  return Array.from(rules.matchAll(/- alert: (\w+)/g), ([, name]) => name ?? '')
}

test('promtool: every alert fires when it should and does not when it should not', async () => {
  const { stdout } = await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: FOLDER })
  expect(stdout).toContain('SUCCESS')
  const tests = await readFile(join(FOLDER, 'alerts.test.yml'), 'utf8')
  for (const name of await alertNames()) {
    expect(tests).toContain(`- name: ${name} fires`)
    expect(tests).toContain(`- name: ${name} does not fire`)
  }
})

test('promtool: the scrape configuration is valid', async () => {
  const { stdout } = await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: FOLDER })
  expect(stdout).toContain('SUCCESS')
})
