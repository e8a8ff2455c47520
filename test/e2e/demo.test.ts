import { type ChildProcess, spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, readPid } from '@hq-export/embedded-postgres/process-id.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { COMPILE_CACHE } from '../support/compile-cache.ts'
import { waitFor } from '../support/wait-for.ts'

const SCRIPT = join(import.meta.dirname, '..', '..', 'apps', 'demo', 'src', 'main.ts')
const TIMEOUT_MS = 120_000

interface Demo {
  readonly child: ChildProcess
  readonly output: () => string
  readonly ended: Promise<number | NodeJS.Signals | null>
}

const demos: Demo[] = []

function startDemo(...args: string[]): Demo {
  // `env` becomes the demo. It must bring its own databases, whatever the shell of this run names.
  const unset = ['-u', 'DX_DATABASE_URL', '-u', 'HQ_DATABASE_URL']
  const set = Object.entries(COMPILE_CACHE).map(([name, value]) => `${name}=${value}`)
  const child = spawn('env', [...unset, ...set, process.execPath, SCRIPT, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const demo = { child, output: () => output, ended }
  demos.push(demo)
  return demo
}

/** Scratch folders that belong to a demo. */
async function foldersOf({ child }: Demo): Promise<string[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith('hq-export-'))
  const folders = names.map((name) => join(tmpdir(), name))
  const owners = await Promise.all(folders.map((folder) => readPid(join(folder, 'owner.pid'))))
  return folders.filter((_, index) => owners[index] === child.pid)
}

/** Console, relay, gateway and both servers of a demo. */
async function processesOf(demo: Demo): Promise<number[]> {
  const files = (await foldersOf(demo)).flatMap((folder) => [
    join(folder, 'console.pid'),
    join(folder, 'relay.pid'),
    join(folder, 'gateway.pid'),
    join(folder, 'data', 'postmaster.pid'),
  ])
  const pids = await Promise.all(files.map(readPid))
  return pids.filter((pid) => pid !== undefined)
}

afterEach(async () => {
  for (const { child, ended } of demos.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  }
})

describe('npm start', () => {
  it('ends cleanly when it is asked to, and its processes with it', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const demo = startDemo()
    await waitFor('two live lines', () => demo.output().includes(' 2 s '), TIMEOUT_MS)
    const processes = await processesOf(demo)
    expect(processes).toHaveLength(5)
    const [, url = '', user, password] =
      /^console +(\S+) \(user (\S+), password (\S+)\)$/m.exec(demo.output()) ?? []
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    expect((await fetch(url)).status).toBe(401)
    expect(await (await fetch(url, { headers: { authorization } })).text()).toContain(
      'operator+values',
    )
    demo.child.kill('SIGTERM')
    expect(await demo.ended, demo.output()).toBe(0)
    expect(demo.output()).toContain('delivered everything')
    // pg_ctl returns when the server has given up its pid file, a moment before the process is
    // gone.
    await waitFor('the processes to be gone', () => !processes.some(isAlive))
    expect(await foldersOf(demo)).toEqual([])
  })

  it('for a few seconds sweeps up after one that was killed, ends with both databases equal, and leaves nothing behind', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const killed = startDemo('--quiet')
    await waitFor('the workload', () => killed.output().includes('workload'), TIMEOUT_MS)
    const processes = await processesOf(killed)
    killed.child.kill('SIGKILL')
    expect(await killed.ended).toBe('SIGKILL')
    expect(processes.filter(isAlive)).toHaveLength(5)

    const next = startDemo('--seconds', '3', '--seed', '1')
    expect(await next.ended, next.output()).toBe(0)
    expect(next.output()).toMatch(/verdict: EQUAL, every column of [\d,]+ rows in 5 datasets/)
    await waitFor('the processes to be gone', () => !processes.some(isAlive))
    expect(await foldersOf(killed)).toEqual([])
    expect(await foldersOf(next)).toEqual([])
  })

  it('refuses bad usage with status 2 before it starts anything', async () => {
    const demo = startDemo('--seconds', 'soon')
    expect(await demo.ended).toBe(2)
    expect(demo.output()).toContain('must be a whole number')
  })
})
