import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { readLogLine } from './log-line.ts'
import { FOLDER_VARIABLE } from './scratch-folder.ts'
import { pidFile } from './sweep-abandoned-apps.ts'

/**
 * How long an app may take to finish what is in flight. Less than the apps' own limits: a demo that
 * is to end should end, and killing them loses nothing (I1).
 */
const STOP_GRACE_MS = 10_000
/** Lines kept to be shown when the app ends by itself. */
const TAIL_LINES = 15
/** The same warning again within this time is not shown again. */
const WARNING_PAUSE_MS = 10_000

/** An app ended although nobody asked it to. */
export class ChildExitError extends Error {
  override readonly name = 'ChildExitError'
}

export interface ChildAppOptions {
  /** Shown before its warnings. */
  readonly name: string
  /** Absolute path of its `main.ts`. */
  readonly script: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Folder for its log and process id. */
  readonly folder: string
  readonly onWarning: (text: string) => void
  /** Called with every line that it prints. */
  readonly onLine?: (line: string) => void
  /** Called once if the app ends before {@link ChildApp.stop}. */
  readonly onExit: (error: ChildExitError) => void
}

/**
 * One of our apps as a child process, run as an operator would run it. It gets a session of its
 * own, so Ctrl-C at the terminal reaches the demo only, and the demo ends its children in the right
 * order.
 */
export class ChildApp {
  readonly #options: ChildAppOptions
  readonly #tail: string[] = []
  readonly #shownAt = new Map<string, number>()
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(options: ChildAppOptions) {
    this.#options = options
  }

  /** Starts the process; a second call changes nothing. */
  start(): void {
    if (this.#child !== undefined) return
    const { name, script, args, env, folder } = this.#options
    const child = spawn(process.execPath, [script, ...args], {
      env: { ...env, [FOLDER_VARIABLE]: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    // At once and synchronously: if the demo is killed now, the next one must find the process.
    if (child.pid !== undefined) writeFileSync(pidFile(folder, name), `${child.pid}\n${script}\n`)
    const log = createWriteStream(join(folder, `${name}.log`), { flags: 'a' })
    const read = (stream: Readable) =>
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`)
        this.#take(line)
      })
    read(child.stdout)
    read(child.stderr)
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        log.end(() => resolve())
        if (!this.#isStopping) this.#options.onExit(this.#exitError(reason))
      }
      child.once('error', (error) => end(error.message))
      // `close` and not `exit`: only then are all of its lines read.
      child.once('close', (code, signal) => end(signal ?? `exit status ${code}`))
    })
  }

  /**
   * Asks the app to end and waits for it; ends it hard when it takes too long, or when `aborting`
   * is aborted. Safe before start and twice.
   */
  async stop(aborting: AbortSignal): Promise<void> {
    this.#isStopping = true
    const kill = () => this.#signal('SIGKILL')
    const grace = setTimeout(() => {
      const { name, onWarning } = this.#options
      onWarning(`${name} did not end within ${STOP_GRACE_MS / 1000} s and was killed`)
      kill()
    }, STOP_GRACE_MS)
    aborting.addEventListener('abort', kill)
    try {
      this.#signal(aborting.aborted ? 'SIGKILL' : 'SIGTERM')
      await this.#ended
    } finally {
      clearTimeout(grace)
      aborting.removeEventListener('abort', kill)
    }
  }

  #signal(signal: NodeJS.Signals): void {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
  }

  #take(line: string): void {
    this.#options.onLine?.(line)
    this.#tail.push(line)
    if (this.#tail.length > TAIL_LINES) this.#tail.shift()
    const { isWarning, text } = readLogLine(line)
    if (!isWarning) return
    const now = performance.now()
    const shownAt = this.#shownAt.get(text)
    if (shownAt !== undefined && now - shownAt < WARNING_PAUSE_MS) return
    if (this.#shownAt.size > TAIL_LINES) this.#shownAt.clear()
    this.#shownAt.set(text, now)
    this.#options.onWarning(`${this.#options.name}: ${text}`)
  }

  #exitError(reason: string): ChildExitError {
    const tail = this.#tail.map((line) => `  ${line}`).join('\n')
    return new ChildExitError(
      `${this.#options.name} ended by itself (${reason}). Its last lines:\n${tail || '  (none)'}`,
    )
  }
}
