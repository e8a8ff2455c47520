import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { PATH, requireProgram } from './system-program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const OLDEST = '/usr/lib/postgresql/15'
// As test/support/servers/global-setup.ts has it.
const SETTINGS = { fsync: 'off', max_connections: '200' }
/** For what hangs: the suites take about 3 minutes, a mixed run less than one. */
const PATIENCE_MS = 480_000

/** The way of a change from both bindings to HQ, what examines it, and what applies it. */
const WHOLE_WAY = [
  'test/e2e/push.test.ts',
  'test/sql/binding/install.test.ts',
  'test/sql/binding/live-binding.test.ts',
  'test/integration/relay/doctor.test.ts',
  'test/integration/gateway/apply.test.ts',
]

let dx: EmbeddedCluster
let hq: EmbeddedCluster

beforeAll(async () => {
  requireProgram(`${OLDEST}/bin/postgres`, ['--version'])
  dx = await EmbeddedCluster.start({ name: 'dx15', settings: SETTINGS, installed: OLDEST })
  hq = await EmbeddedCluster.start({ name: 'hq15', settings: SETTINGS, installed: OLDEST })
})

afterAll(async () => {
  await dx?.remove()
  await hq?.remove()
})

/**
 * Runs test files as `npm test` does, against these servers; where none is named, against the
 * newest PostgreSQL, which the run brings along.
 */
async function passes(files: readonly string[], servers: Record<string, string>): Promise<void> {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'pipeline', ...files], {
    cwd: ROOT,
    env: { PATH, ...servers },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    if (child.exitCode === null) child.kill('SIGTERM')
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const [status] = await once(child, 'close')
  expect(status, output).toBe(0)
}

test(
  'PostgreSQL 15 on both sides: every SQL and integration test passes',
  () =>
    passes(['test/sql', 'test/integration'], {
      TEST_DX_DATABASE_URL: dx.url(),
      TEST_HQ_DATABASE_URL: hq.url(),
      TEST_POSTGRES_FOLDER: OLDEST,
    }),
  PATIENCE_MS,
)

test(
  'PostgreSQL 15 as the source, the newest as HQ: the whole way of a change passes',
  () => passes(WHOLE_WAY, { TEST_DX_DATABASE_URL: dx.url() }),
  PATIENCE_MS,
)

test(
  'the newest PostgreSQL as the source, 15 as HQ: the whole way of a change passes',
  () => passes(WHOLE_WAY, { TEST_HQ_DATABASE_URL: hq.url() }),
  PATIENCE_MS,
)
