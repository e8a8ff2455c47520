import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { READY_PATH } from '@hq-export/contract'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import type { AppContext } from './app-context.ts'
import { GATEWAY_SCRIPT } from './app-scripts.ts'
import { ChildApp } from './child-app.ts'
import { childEnvironment } from './child-environment.ts'
import { listeningUrl } from './listening-url.ts'

/** Defaults of the gateway; other free ports are taken where one of them is in use. */
const INGEST_PORT = 8080
const INGEST_METRICS_PORT = 8081
/** Starts on ports that another process may take between probing and listening. */
const START_ATTEMPTS = 3
const MASTER_KEY_BYTES = 32
const READY_TIMEOUT_MS = 30_000
const READY_POLL_MS = 50

/** Where the running gateway can be reached. */
export interface GatewayUrls {
  readonly ingest: string
  /** The console; undefined where nothing answers there. */
  readonly console: string | undefined
}

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

async function answers(url: string, stopping: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: stopping })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Refused: there is no console.
    return false
  }
}

/**
 * Starts one gateway and waits until it says where it listens: another one may hold the port and
 * answer in its place.
 * @returns undefined where it was stopped meanwhile, or where somebody took its ports.
 */
async function tryStart(
  context: AppContext,
  hqUrl: string,
  ports: { readonly ingest: number; readonly console: number },
  stack: AsyncDisposableStack,
): Promise<string | undefined> {
  const { env, folder, source, secret, stopping, aborting, onWarning, onExit } = context
  const listening = Promise.withResolvers<string | undefined>()
  let isListening = false
  const warnings: string[] = []
  const app = new ChildApp({
    name: 'gateway',
    script: GATEWAY_SCRIPT,
    args: ['serve'],
    folder,
    env: childEnvironment(env, {
      HQ_DATABASE_URL: hqUrl,
      INGEST_HOST: '127.0.0.1',
      INGEST_PORT: String(ports.ingest),
      INGEST_METRICS_PORT: String(ports.console),
      INGEST_KEYS: `${source}=${secret}`,
      INGEST_MASTER_KEY: env.INGEST_MASTER_KEY ?? randomBytes(MASTER_KEY_BYTES).toString('base64'),
    }),
    // What it says before it listens is part of the error if it ends, and no news if its ports were
    // taken.
    onWarning: (text) => (isListening ? onWarning(text) : warnings.push(text)),
    onLine: (line) => {
      const url = listeningUrl(line)
      if (url !== undefined) listening.resolve(url)
    },
    onExit: (error) => (isListening ? onExit(error) : listening.reject(error)),
  })
  stack.defer(() => app.stop(aborting))
  const stop = () => listening.resolve(undefined)
  stopping.addEventListener('abort', stop)
  app.start()
  try {
    const url = await listening.promise
    isListening = true
    for (const warning of warnings) onWarning(warning)
    return url
  } catch (error) {
    if ((error as Error).message.includes('EADDRINUSE')) return undefined
    throw error
  } finally {
    stopping.removeEventListener('abort', stop)
  }
}

/**
 * Starts the gateway on the ports that an operator expects, or on free ones, and waits until it is
 * ready. It ends with `stack`.
 * @returns undefined where the demo was stopped meanwhile.
 */
export async function startGateway(
  context: AppContext,
  hqUrl: string,
  stack: AsyncDisposableStack,
): Promise<GatewayUrls | undefined> {
  const { stopping } = context
  for (let attempt = 1; attempt <= START_ATTEMPTS && !stopping.aborted; attempt++) {
    const ports = {
      ingest: await freePort(attempt === 1 ? INGEST_PORT : undefined),
      console: await freePort(attempt === 1 ? INGEST_METRICS_PORT : undefined),
    }
    const ingest = await tryStart(context, hqUrl, ports, stack)
    if (ingest === undefined) continue
    const deadline = performance.now() + READY_TIMEOUT_MS
    while (!stopping.aborted) {
      if (await isReady(ingest, stopping)) {
        const console = `http://127.0.0.1:${ports.console}/`
        return { ingest, console: (await answers(console, stopping)) ? console : undefined }
      }
      if (performance.now() > deadline) {
        throw new Error(`the gateway at ${ingest} is not ready after ${READY_TIMEOUT_MS} ms`)
      }
      await delay(READY_POLL_MS)
    }
  }
  if (stopping.aborted) return undefined
  throw new Error(`the gateway found its ports taken, ${START_ATTEMPTS} times`)
}
