import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SAMPLE_MS = 100
const KIB = 1024
const MB = 1_000_000

async function residentBytes(pid: number): Promise<number> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    // The kernel's own high-water mark: no peak falls between two samples.
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
    if (peak !== undefined) return Number(peak) * KIB
  }
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout.trim()) * KIB
}

/** Watches the resident memory of a running program. */
export class PeakMemory implements Disposable {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #bytes = 0

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => {
      // A program that ended has no memory to sample; whoever waits for it reports its end.
      this.#sample().catch(() => clearInterval(this.#timer))
    }, SAMPLE_MS)
  }

  async #sample(): Promise<void> {
    this.#bytes = Math.max(this.#bytes, await residentBytes(this.#pid))
  }

  /** Peak so far, start-up included, in MB (10^6 bytes). */
  async megabytes(): Promise<number> {
    await this.#sample()
    return this.#bytes / MB
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
