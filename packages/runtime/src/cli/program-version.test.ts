import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM_VERSION } from './program-version.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..', '..')

test('every package has the version that the programs say', () => {
  const files = globSync('{.,apps/*,packages/*}/package.json', { cwd: ROOT })
  const versions = files.map((file) => [
    file,
    (JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { version: string }).version,
  ])
  expect(versions.length).toBeGreaterThanOrEqual(10)
  expect(versions).toEqual(files.map((file) => [file, PROGRAM_VERSION]))
})
