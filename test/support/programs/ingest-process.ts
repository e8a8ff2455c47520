import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { COMPILE_CACHE } from '../compile-cache.ts'
import { waitFor } from '../wait-for.ts'
import { CommandHost } from './command-host.ts'
import { SECRET, SOURCE } from './ingest-client.ts'

/** The command line of the gateway. */
const INGEST_MAIN = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  'apps',
  'hq-ingest',
  'src',
  'main.ts',
)

/** Runs `ingest serve` as a process of its own; killed when the test ends. */
export async function spawnGateway(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; readonly url: string; readonly log: () => string }> {
  const child = spawn(process.execPath, [INGEST_MAIN, 'serve'], {
    env: {
      ...COMPILE_CACHE,
      HQ_DATABASE_URL: databaseUrl,
      INGEST_PORT: '0',
      INGEST_METRICS_PORT: '0',
      INGEST_KEYS: `${SOURCE}=${SECRET}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let log = ''
  child.stdout.on('data', (chunk) => {
    log += chunk
  })
  const url = await waitFor('the gateway to listen', () => /"url":"([^"]+)"/.exec(log)?.[1])
  return { child, url, log: () => log }
}

/** How a command ended. */
export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the gateway's command line to its end. */
export async function runIngest(args: string[], env: Record<string, string> = {}): Promise<Run> {
  const { exitCode, stdout, stderr } = await CommandHost.run('hq-ingest', args, env)
  return { status: exitCode ?? -1, stdout, stderr }
}
