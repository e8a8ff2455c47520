import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { COMPILE_CACHE } from '../compile-cache.ts'
import { waitFor } from '../wait-for.ts'
import { type App, CommandHost } from './command-host.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const KEPT_LINES = 200

// A test that times out, or a run that is interrupted, disposes of nothing: whatever still runs
// ends with the worker.
const running = new Set<ChildProcess>()
function killRunning(): void {
  for (const child of running) child.kill('SIGKILL')
}
process.on('exit', killRunning)
// The runner ends a worker by a signal, or is itself killed: neither is an 'exit' of this process.
process.on('disconnect', killRunning)
process.once('SIGTERM', () => {
  killRunning()
  process.exit(143)
})

/** One of our apps as the process that operators run. */
export class AppProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #name: string
  /** Standard output and error, the last lines. */
  readonly lines: string[] = []

  /** Process id; undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** @param root of the repository that it is started from. */
  constructor(
    app: App | 'console',
    args: readonly string[],
    env: Record<string, string>,
    root = ROOT,
  ) {
    this.#name = `${app} ${args.join(' ')}`
    this.#child = spawn(process.execPath, [join(root, 'apps', app, 'src', 'main.ts'), ...args], {
      // Nothing of the caller's settings: only what the test states.
      env: { PATH: '/usr/bin:/bin', ...COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this.#child)
    this.#child.once('exit', () => running.delete(this.#child))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        if (this.lines.length > KEPT_LINES) this.lines.shift()
      })
    }
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  /** Sends a signal to exactly this process. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when the process has ended and its output is read. */
  async exited(): Promise<number | null> {
    if (!this.hasExited) await once(this.#child, 'close')
    return this.#child.exitCode
  }

  /** Ends it for real, without a chance to clean up. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited()
  }

  /** Asks it to end, as an orchestrator does. */
  async terminate(): Promise<number | null> {
    if (!this.hasExited) this.signal('SIGTERM')
    return this.exited()
  }

  /** Fails with the output when the process has ended although it should run. */
  assertRunning(): void {
    if (this.hasExited) throw new Error(`${this.#name} has ended:\n${this.lines.join('\n')}`)
  }

  /** Waits until it says this, while it runs. @returns the line. */
  says(text: string): Promise<string> {
    return waitFor(`${this.#name} to say "${text}"`, () => {
      this.assertRunning()
      return this.lines.find((line) => line.includes(text))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasExited) await this.kill()
  }
}

/** Runs a command of an app to its end. */
export async function runApp(
  app: App,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ exitCode: number | null; output: string; stdout: string }> {
  const { exitCode, stdout, stderr } = await CommandHost.run(app, args, env)
  return { exitCode, output: `${stdout}${stderr}`.trimEnd(), stdout }
}
