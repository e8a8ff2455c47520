import { randomBytes } from 'node:crypto'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import { pollUntil } from '../measure/poll-until.ts'
import type { BenchOptions } from '../scenario.ts'
import { Program } from './program.ts'
import type { BenchServers } from './servers.ts'

const START_TIMEOUT_MS = 30_000
const READY_POLL_MS = 20
/** Name of the source in every benchmark. */
export const SOURCE = 'data-engine-x'
/**
 * What belongs to us in an environment; a benchmark measures defaults, whatever its caller has set.
 */
const OUR_VARIABLES = /^(?:DX|HQ|RELAY|INGEST|CONSOLE|OTEL)_/

/** Our two programs, as production runs them. */
export interface Pipeline extends AsyncDisposable {
  readonly relay: Program
  readonly gateway: Program
  /** See {@link RunningRelay}. */
  readonly workingSinceMs: number
  /** @throws when one of the two ended or halted, with its last lines. */
  assertWell(): void
}

/** What a program of ours inherits: nothing of our settings. */
export function neutralEnvironment(env: BenchOptions['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OUR_VARIABLES.test(name)))
}

async function isReady(url: string): Promise<true | undefined> {
  try {
    const response = await fetch(`${url}/readyz`)
    await response.arrayBuffer()
    return response.status === 200 || undefined
  } catch (error) {
    // Refused: it does not listen yet. Anything else that fetch throws is a TypeError with this
    // cause, too.
    const { code } = (error as { cause?: { code?: string } }).cause ?? {}
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined
    throw error
  }
}

function timeOf(line: string): number {
  const { time } = JSON.parse(line) as { time?: unknown }
  if (typeof time !== 'number') throw new Error(`the relay's line has no time: ${line}`)
  return time
}

/** Our gateway, as production runs it. */
export interface RunningGateway extends AsyncDisposable {
  readonly program: Program
  readonly url: string
  /** Key of the source {@link SOURCE}, which may write every org. */
  readonly secret: string
}

/** Starts the gateway and waits until it is ready. */
export async function startGateway(
  { hq }: BenchServers,
  { env, tracingEnv, profileFolder, signal }: BenchOptions,
): Promise<RunningGateway> {
  await using started = new AsyncDisposableStack()
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const program = started.use(
    new Program({
      name: 'gateway',
      entry: 'apps/hq-ingest/src/main.ts',
      args: ['serve'],
      env: {
        ...neutralEnvironment(env),
        ...tracingEnv,
        HQ_DATABASE_URL: hq.url,
        INGEST_PORT: String(port),
        INGEST_METRICS_PORT: String(await freePort()),
        INGEST_KEYS: `${SOURCE}=${secret}`,
        INGEST_MASTER_KEY: randomBytes(32).toString('base64'),
      },
      profileFolder,
    }),
  )
  await pollUntil({
    what: 'the gateway to be ready',
    everyMs: READY_POLL_MS,
    timeoutMs: START_TIMEOUT_MS,
    signal,
    probe: async () => {
      program.assertWell()
      return isReady(url)
    },
  })
  const owned = started.move()
  return { program, url, secret, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Our relay, as production runs it. */
export interface RunningRelay extends AsyncDisposable {
  readonly program: Program
  /**
   * When the relay began to work, in ms since 1970: connected, leading, listening; nothing read
   * yet.
   */
  readonly workingSinceMs: number
}

/**
 * Starts the relay and waits until it works.
 * @param ingest where it posts, and the key that it signs with.
 */
export async function startRelay(
  { dx }: BenchServers,
  { env, tracingEnv, profileFolder, signal }: BenchOptions,
  ingest: Pick<RunningGateway, 'url' | 'secret'>,
): Promise<RunningRelay> {
  await using started = new AsyncDisposableStack()
  const program = started.use(
    new Program({
      name: 'relay',
      entry: 'apps/outbox-relay/src/main.ts',
      args: ['run'],
      env: {
        ...neutralEnvironment(env),
        ...tracingEnv,
        DX_DATABASE_URL: dx.url,
        HQ_INGEST_URL: ingest.url,
        HQ_SIGNING_SECRET: ingest.secret,
        RELAY_SOURCE: SOURCE,
        RELAY_METRICS_PORT: String(await freePort()),
      },
      profileFolder,
      isFault: (line) => line.includes('"delivery halted'),
    }),
  )
  const working = await program.waitForLine(
    '"working"',
    (line) => line.includes('"msg":"working"'),
    START_TIMEOUT_MS,
    signal,
  )
  const owned = started.move()
  return {
    program,
    workingSinceMs: timeOf(working),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Starts the gateway, waits until it is ready, then starts the relay and waits until it works. */
export async function startPipeline(
  servers: BenchServers,
  options: BenchOptions,
): Promise<Pipeline> {
  await using started = new AsyncDisposableStack()
  const gateway = started.use(await startGateway(servers, options))
  const relay = started.use(await startRelay(servers, options, gateway))
  const owned = started.move()
  return {
    relay: relay.program,
    gateway: gateway.program,
    workingSinceMs: relay.workingSinceMs,
    assertWell() {
      relay.program.assertWell()
      gateway.program.assertWell()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
