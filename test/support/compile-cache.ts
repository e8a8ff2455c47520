import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * Setting of every program that a test starts: V8 keeps there what it has compiled of the program,
 * types stripped, which is half of what a start costs. An entry serves only the source that it was
 * made of, so the folder outlives a run.
 */
export const COMPILE_CACHE: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'hq-export-compiled'),
}

/** What loads nearly all of each program. Without settings it ends before it does anything. */
const RUNS = [
  ['outbox-relay', 'run'],
  ['hq-ingest', 'serve'],
  ['console', 'serve'],
] as const
const NO_SETTINGS = 2

/**
 * Fills the cache for all apps: a program writes to it as it ends by itself, and most of a test's
 * are killed.
 */
export async function fillCompileCache(): Promise<void> {
  await Promise.all(
    RUNS.map(async ([app, command]) => {
      const main = join(ROOT, 'apps', app, 'src', 'main.ts')
      const child = spawn(process.execPath, [main, command], {
        env: COMPILE_CACHE,
        stdio: 'ignore',
      })
      const [status] = await once(child, 'exit')
      if (status !== NO_SETTINGS) throw new Error(`${app} ${command} ended with ${status}`)
    }),
  )
}
