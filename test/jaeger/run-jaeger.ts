import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import { waitFor } from '../support/wait-for.ts'
import { buildJaeger } from './build-jaeger.ts'

const START_TIMEOUT_MS = 60_000
const OTLP_HTTP_PORT = 4318
const KEPT_LINES = 20

/** A Jaeger to send traces to and to ask for them. */
export interface Jaeger extends AsyncDisposable {
  readonly queryUrl: string
  readonly otlpUrl: string
}

/** Everything in memory, on free ports of this machine. */
function configuration(ports: Record<'query' | 'queryGrpc' | 'otlp', number>): string {
  const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` })
  return JSON.stringify({
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
    extensions: {
      jaeger_query: {
        storage: { traces: 'memory' },
        http: at(ports.query),
        grpc: at(ports.queryGrpc),
      },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
    },
    receivers: { otlp: { protocols: { http: at(ports.otlp) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  })
}

async function findInPath(path: string | undefined): Promise<string | undefined> {
  for (const folder of (path ?? '').split(delimiter)) {
    const file = join(folder, 'jaeger')
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (folder !== '' && isThere) return file
  }
  return undefined
}

async function isUp(queryUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${queryUrl}/api/services`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false // does not listen yet
  }
}

/** The Jaeger that the environment names, or one of our own: from PATH, or built. */
export async function runJaeger(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Jaeger> {
  const { JAEGER_QUERY_URL: given, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = env
  if (given !== undefined) {
    const otlpUrl = endpoint ?? `http://${new URL(given).hostname}:${OTLP_HTTP_PORT}`
    return { queryUrl: given.replace(/\/$/, ''), otlpUrl, async [Symbol.asyncDispose]() {} }
  }
  const binary = (await findInPath(env.PATH)) ?? (await buildJaeger(env.XDG_CACHE_HOME))
  const ports = { query: await freePort(), queryGrpc: await freePort(), otlp: await freePort() }
  const child = spawn(binary, ['--config', `yaml:${configuration(ports)}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      lines.push(text)
      if (lines.length > KEPT_LINES) lines.shift()
    })
  }
  const ended = once(child, 'exit')
  const queryUrl = `http://127.0.0.1:${ports.query}`
  await waitFor(
    'Jaeger to answer',
    () => {
      if (child.exitCode !== null) throw new Error(`${binary} has ended:\n${lines.join('')}`)
      return isUp(queryUrl)
    },
    START_TIMEOUT_MS,
  )
  return {
    queryUrl,
    otlpUrl: `http://127.0.0.1:${ports.otlp}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
