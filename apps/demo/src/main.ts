import { randomInt } from 'node:crypto'
import { startTracing } from '@hq-export/observability/start-tracing.ts'
import { EXIT, outputOf } from '@hq-export/runtime/cli/program.ts'
import { CommanderError } from 'commander'
import { APPLICATION, runDemo } from './demo.ts'
import { type DemoOptions, parseOptions } from './options.ts'

/** 128 + SIGINT, as shells have it. */
const STATUS_OF_ABORT = 130

/**
 * One press of Ctrl-C can arrive twice: from the terminal, and from npm, which passes on to its
 * script what it got itself. A second signal counts as one only after this time.
 */
const SAME_PRESS_MS = 500
const MAX_RANDOM_SEED = 1_000_000

const stopping = new AbortController()
const aborting = new AbortController()
let stoppedAt = 0
let isDefective = false
/**
 * False while something that is not worth waiting for keeps the process: a collector that does not
 * answer.
 */
let hasEnded = true

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`)
}

function stop(): void {
  if (!stopping.signal.aborted) {
    stoppedAt = performance.now()
    warn('stopping: the application first, then what is in flight (once more to not wait)')
    stopping.abort()
  } else if (!aborting.signal.aborted && performance.now() - stoppedAt > SAME_PRESS_MS) {
    warn('stopping at once')
    aborting.abort()
  }
}

/** Every message of an error, the reasons for it and what failed while cleaning up included. */
function explain(error: unknown): string {
  if (error instanceof SuppressedError) {
    return `${explain(error.suppressed)}\nand while cleaning up: ${explain(error.error)}`
  }
  if (error instanceof AggregateError) return error.errors.map(explain).join('\n')
  if (!(error instanceof Error)) return String(error)
  const reason = error.cause === undefined ? '' : `\nbecause: ${explain(error.cause)}`
  return `${error.message}${reason}`
}

function readOptions(): DemoOptions | undefined {
  try {
    const seed = randomInt(MAX_RANDOM_SEED)
    return parseOptions(process.argv.slice(2), seed, outputOf(process))
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.unknown
    return undefined
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options === undefined) return
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // Whoever read our output has left (`npm start | head`): nobody is there to be waited for.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      stopping.abort()
      aborting.abort()
    })
  }
  // A defect of ours must not leave servers and children behind: what can be cleaned up is.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => {
      warn(`demo: defect: ${error instanceof Error ? error.stack : error}`)
      isDefective = true
      stopping.abort()
      aborting.abort()
    })
  }
  const stopTracing = await startTracing(process.env, {
    serviceName: APPLICATION,
    onTrouble: (reason) => warn(`traces of the application cannot be exported: ${reason}`),
  })
  try {
    const { signal } = stopping
    const context = { options, env: process.env, say, warn, aborting: aborting.signal }
    process.exitCode = EXIT[await runDemo({ ...context, stopping: signal })]
  } catch (error) {
    warn(`demo: ${explain(error)}`)
    process.exitCode = EXIT.unknown
  } finally {
    hasEnded = await stopTracing()
  }
  if (isDefective) process.exitCode = EXIT.unknown
  else if (aborting.signal.aborted) process.exitCode = STATUS_OF_ABORT
}

await main()
if (!hasEnded) process.exit()
