import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { READY_PATH } from '@hq-export/contract'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type { AppContext } from './app-context.ts'
import { GATEWAY_SCRIPT } from './app-scripts.ts'
import { startListening } from './start-listening.ts'

/** Defaults of the gateway; other free ports are taken where one of them is in use. */
const INGEST_PORT = 8080
const INGEST_METRICS_PORT = 8081
/** Starts on ports that another process may take between probing and listening. */
const START_ATTEMPTS = 3
const MASTER_KEY_BYTES = 32
const READY_TIMEOUT_MS = 30_000
const READY_POLL_MS = 50

async function isReady(url: string, stopping: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(new URL(READY_PATH, url), { signal: stopping })
    await response.body?.cancel()
    return response.ok
  } catch (error) {
    // It has said that it listens, so it answers in a moment or has ended, which is noticed
    // elsewhere.
    if (error instanceof TypeError || stopping.aborted) return false
    throw error
  }
}

/**
 * Starts the gateway on the ports that an operator expects, or on free ones, and waits until it is
 * ready. It ends with `stack`.
 * @returns where it takes batches; undefined where the demo was stopped meanwhile.
 */
export async function startGateway(
  context: AppContext,
  hqUrl: string,
  stack: AsyncDisposableStack,
): Promise<string | undefined> {
  const { env, source, secret, stopping } = context
  for (let attempt = 1; attempt <= START_ATTEMPTS && !stopping.aborted; attempt++) {
    const settings = {
      HQ_DATABASE_URL: hqUrl,
      INGEST_HOST: '127.0.0.1',
      INGEST_PORT: String(await freePort(attempt === 1 ? INGEST_PORT : undefined)),
      INGEST_METRICS_PORT: String(await freePort(attempt === 1 ? INGEST_METRICS_PORT : undefined)),
      INGEST_KEYS: `${source}=${secret}`,
      INGEST_MASTER_KEY: env.INGEST_MASTER_KEY ?? randomBytes(MASTER_KEY_BYTES).toString('base64'),
    }
    const app = { name: 'gateway', script: GATEWAY_SCRIPT, settings }
    const url = await startListening(context, app, stack)
    if (url === undefined) continue
    const deadline = performance.now() + READY_TIMEOUT_MS
    while (!stopping.aborted) {
      if (await isReady(url, stopping)) return url
      if (performance.now() > deadline) {
        throw new Error(`the gateway at ${url} is not ready after ${READY_TIMEOUT_MS} ms`)
      }
      await delay(READY_POLL_MS)
    }
  }
  if (stopping.aborted) return undefined
  throw new Error(`the gateway found its ports taken, ${START_ATTEMPTS} times`)
}
