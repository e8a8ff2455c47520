import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PeakMemory } from '../measure/peak-memory.ts'
import { pollUntil } from '../measure/poll-until.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const KEPT_LINES = 25
const STOP_TIMEOUT_MS = 30_000
const LINE_POLL_MS = 5

/** As package.json and the images in deploy/ start our programs, by the name of their folder. */
const STARTS: Readonly<Record<string, { semiSpaceMb: number; env: Record<string, string> }>> = {
  'outbox-relay': { semiSpaceMb: 2, env: { MALLOC_ARENA_MAX: '1' } },
  'hq-ingest': { semiSpaceMb: 4, env: { MALLOC_ARENA_MAX: '1' } },
}
/** How any other program is started. */
const START = { semiSpaceMb: 4, env: {} }
const NODE_COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'node-compile')

/** How to start one of our command lines. */
export interface ProgramOptions {
  readonly name: string
  /** Entry file, from the root of the repository. */
  readonly entry: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Writes `<name>-<pid>.cpuprofile` there when the program ends by itself. */
  readonly profileFolder: string | undefined
  /** True for a line of its output after which there is nothing to wait for. */
  readonly isFault?: (line: string) => boolean
}

/** A child program with its last lines of output, ended by its id. */
export class Program implements AsyncDisposable {
  readonly name: string
  readonly memory: PeakMemory
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #firstLines: string[] = []
  readonly #lastLines: string[] = []
  #fault: string | undefined
  #isStopping = false

  constructor(options: ProgramOptions) {
    const { name, entry, args, env, profileFolder, isFault } = options
    this.name = name
    const profile =
      profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
    // A file name of its own per start, so that rounds do not overwrite each other.
    if (profileFolder !== undefined) {
      profile.push(`--cpu-prof-name=${name}-${Date.now()}.cpuprofile`)
    }
    const start = STARTS[entry.split('/')[1] ?? ''] ?? START
    const flags = [`--max-semi-space-size=${start.semiSpaceMb}`, ...profile]
    this.#child = spawn(process.execPath, [...flags, join(ROOT, entry), ...args], {
      cwd: ROOT,
      env: { ...start.env, ...env, NODE_COMPILE_CACHE },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#fault ??= `cannot be started: ${error.message}`
        resolve()
      })
      this.#child.once('exit', (code, signal) => {
        if (!this.#isStopping) this.#fault ??= `ended with ${signal ?? `status ${code}`}`
        resolve()
      })
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        this.#keep(line)
        if (isFault?.(line)) this.#fault ??= 'gave up'
      })
    }
    this.memory = new PeakMemory(this.pid)
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw this.#error('has no process id')
    return this.#child.pid
  }

  /** @throws when it ended or gave up, with its last lines. */
  assertWell(): void {
    if (this.#fault !== undefined) throw this.#error(this.#fault)
  }

  /** The first line of its output that matches, among the earliest ones. */
  async waitForLine(
    what: string,
    matches: (line: string) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    return pollUntil({
      what: `${this.name} to say ${what}`,
      everyMs: LINE_POLL_MS,
      timeoutMs,
      signal,
      probe: async () => {
        this.assertWell()
        return this.#firstLines.find(matches)
      },
    }).catch((cause: unknown) => {
      signal.throwIfAborted()
      throw this.#error(`did not say ${what}`, cause)
    })
  }

  /** Asks it to end and waits; kills it if it does not. Safe twice. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.memory[Symbol.dispose]()
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#ended
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #keep(line: string): void {
    if (this.#firstLines.length < KEPT_LINES) this.#firstLines.push(line)
    this.#lastLines.push(line)
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift()
  }

  #error(reason: string, cause?: unknown): Error {
    const lines = this.#lastLines.map((line) => `  ${line}`).join('\n')
    return new Error(`${this.name} ${reason}; its last lines:\n${lines}`, { cause })
  }
}
