import { join } from 'node:path'
import { runProgram } from '@hq-export/embedded-postgres/run-program.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * Setting of every program that a test starts: V8 keeps there what it has compiled of the program,
 * types stripped, which is half of what a start costs. An entry serves only the source that it was
 * made of, so the folder outlives a run.
 */
export const COMPILE_CACHE: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'hq-export-compiled'),
}

/**
 * Fills the cache for both apps: a program writes to it as it ends by itself, and most of a test's
 * are killed.
 */
export async function fillCompileCache(): Promise<void> {
  await Promise.all(
    ['outbox-relay', 'hq-ingest'].map((app) =>
      runProgram(app, process.execPath, [join(ROOT, 'apps', app, 'src', 'main.ts'), '--help'], {
        env: COMPILE_CACHE,
      }),
    ),
  )
}
