import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** Where Debian has programs; some of them only root has in its PATH. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Fails, never skips, where a program of `packages.txt` is not installed.
 * @param check arguments with which it says what it is and ends with status 0.
 */
export function requireProgram(name: string, check: readonly string[]): void {
  const { error, status, stderr } = spawnSync(name, check, { env: { PATH }, encoding: 'utf8' })
  if (status === 0) return
  throw new Error(
    `${name} cannot be run (${error?.message ?? stderr}). Install what test/system/packages.txt lists, as .ci/run does: ` +
      `apt-get update && grep -v '^#' test/system/packages.txt | xargs apt-get install -y --no-install-recommends`,
  )
}

/** A program of `packages.txt` as a child; ended with `await using`. */
export class SystemProgram implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #name: string
  /** Standard output and error. */
  output = ''

  constructor(name: string, args: readonly string[]) {
    this.#name = name
    this.#child = spawn(name, args, { env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    }
    // Also where it could not be started: the next look says so.
    this.#child.on('error', (error) => {
      this.output += error.message
    })
  }

  /** Fails with its output when it has ended although it should run. */
  assertRunning(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return
    throw new Error(`${this.#name} has ended:\n${this.output}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    await closed
  }
}
