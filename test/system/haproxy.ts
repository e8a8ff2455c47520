import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@hq-export/embedded-postgres/free-port.ts'
import { waitFor } from '../support/wait-for.ts'
import { requireProgram, SystemProgram } from './system-program.ts'

/** HAProxy in front of several gateways. */
export interface Proxy extends AsyncDisposable {
  readonly url: string
}

function configuration(port: number, urls: readonly string[]): string {
  const servers = urls.map((url, index) => `  server gateway${index} ${new URL(url).host} check\n`)
  return `global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  retries 0
frontend ingest
  bind 127.0.0.1:${port}
  default_backend gateways
backend gateways
  balance roundrobin
  option httpchk GET /readyz
  timeout check 5s
  default-server inter 500ms fall 3 rise 1
${servers.join('')}`
}

/** Starts HAProxy; requests go to the gateways in turn, to those whose `/readyz` is green. */
export async function startHaproxy(urls: readonly string[]): Promise<Proxy> {
  requireProgram('haproxy', ['-v'])
  const folder = await mkdtemp(join(tmpdir(), 'hq-export-haproxy-'))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, configuration(port, urls))
  const program = new SystemProgram('haproxy', ['-db', '-f', file])
  const url = `http://127.0.0.1:${port}`
  async function dispose(): Promise<void> {
    await program[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await waitFor('HAProxy to find the gateways ready', async () => {
      program.assertRunning()
      const response = await fetch(`${url}/readyz`).catch(() => undefined)
      return response?.status === 200
    })
  } catch (error) {
    await dispose()
    throw error
  }
  return { url, [Symbol.asyncDispose]: dispose }
}
