import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { COMPILE_CACHE } from '../compile-cache.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

export type App = 'outbox-relay' | 'hq-ingest'

/** A command line as its host reads it. */
export interface CommandLine {
  readonly args: readonly string[]
  /** All of the environment. */
  readonly env: Record<string, string>
  /** Printed on both streams after what the command printed; its exit status follows on the first. */
  readonly endOfOutput: string
}

export interface CommandResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * What leaves more behind in its process than other commands: its host serves no further one,
 * unless it was refused.
 */
const LASTING: readonly string[] = ['run', 'serve']

/** Exit status of a command that cannot begin. */
const REFUSED = 2

/** Hosts without work, by app. They end with this process, which holds their input. */
const idle = new Map<App, CommandHost[]>()

/** A process that runs commands of one app, one at a time. */
export class CommandHost {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  private constructor(app: App) {
    const main = pathToFileURL(join(ROOT, 'apps', app, 'src', 'main.ts')).href
    const file = join(import.meta.dirname, 'serve-commands.ts')
    this.#child = spawn(process.execPath, [file, main], {
      env: { PATH: '/usr/bin:/bin', ...COMPILE_CACHE },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child.unref()
    const { stdin, stdout, stderr } = this.#child
    for (const stream of [stdin, stdout, stderr]) (stream as unknown as Socket).unref()
    for (const stream of [stdout, stderr]) stream.setEncoding('utf8')
  }

  /** Runs a command to its end, with these settings and nothing of the caller's. */
  static async run(
    app: App,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<CommandResult> {
    const hosts = idle.get(app) ?? []
    idle.set(app, hosts)
    const host = hosts.pop() ?? new CommandHost(app)
    host.#child.ref()
    const result = await host.#run(args, { PATH: '/usr/bin:/bin', ...env })
    host.#child.unref()
    if (LASTING.includes(args[0] ?? '') && result.exitCode !== REFUSED) host.#child.stdin.end()
    else if (host.#child.exitCode === null && host.#child.signalCode === null) hosts.push(host)
    return result
  }

  async #run(args: readonly string[], env: Record<string, string>): Promise<CommandResult> {
    const endOfOutput = randomUUID()
    const command: CommandLine = { args, env, endOfOutput }
    this.#child.stdin.write(`${JSON.stringify(command)}\n`)
    const [out, err] = await Promise.all([
      printedOn(this.#child.stdout, endOfOutput),
      printedOn(this.#child.stderr, endOfOutput),
    ])
    // It may have exited by itself, as a process of its own would have.
    if (out.status === undefined && this.#child.exitCode === null) await once(this.#child, 'exit')
    const exitCode = out.status === undefined ? this.#child.exitCode : Number(out.status)
    return { exitCode, stdout: out.text, stderr: err.text }
  }
}

/** What a command prints on a stream; its status is undefined where the stream ended before. */
function printedOn(
  stream: Readable,
  endOfOutput: string,
): Promise<{ readonly text: string; readonly status: string | undefined }> {
  const { promise, resolve } = Promise.withResolvers<{ text: string; status: string | undefined }>()
  let printed = ''
  const read = (chunk: string) => {
    printed += chunk
    const [text = '', status] = printed.split(endOfOutput)
    if (status?.endsWith('\n')) finish(text, status)
  }
  const end = () => finish(printed, undefined)
  function finish(text: string, status: string | undefined): void {
    stream.off('data', read).off('end', end)
    resolve({ text, status })
  }
  stream.on('data', read).on('end', end)
  return promise
}
