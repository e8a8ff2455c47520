import { wholeNumber } from '@hq-export/runtime/cli/options.ts'
import { createCommand, type Output } from '@hq-export/runtime/cli/program.ts'
import { Option } from 'commander'
import { FAULTS, type Fault } from './workload/population/faults.ts'

/** What the user asked for. */
export interface DemoOptions {
  /** Run for this long, then compare; until stopped where undefined. */
  readonly seconds: number | undefined
  /** Seed of the workload. */
  readonly seed: number
  /** Rows for export a second. */
  readonly rowsPerSecond: number
  /** What goes wrong in the application. */
  readonly faults: readonly Fault[]
  /** Print no live lines. */
  readonly isQuiet: boolean
}

const MAX_SECONDS = 86_400
const MAX_RATE = 100_000
const MAX_SEED = Number.MAX_SAFE_INTEGER
/**
 * A run that ends soon may use the machine; one that goes on all day leaves most of it, and most of
 * the disk, alone.
 */
const RATE_OF_BOUNDED_RUN = 3_000
const RATE_OF_ENDLESS_RUN = 300

const HELP = `\
Both databases are embedded servers that are removed at the end, or the ones that DX_DATABASE_URL
and HQ_DATABASE_URL name. OTEL_* goes to both apps, and the application traces what it does.
Ctrl-C stops everything cleanly; a second Ctrl-C does not wait.
A few rows are refused on purpose, and known to be; the operator's console shows why.
It has found something wrong where the databases differ, or a dataset got no rows.`

/**
 * Reads the command line.
 * @param args without program and script.
 * @param randomSeed seed where none is given.
 * @param output where help, and what is wrong, are written.
 * @throws {CommanderError} for bad usage and for `--help`, after printing.
 */
export function parseOptions(
  args: readonly string[],
  randomSeed: number,
  output: Output,
): DemoOptions {
  const program = createCommand(
    {
      name: 'demo',
      description:
        'Runs data-engine-x, HQ, the relay and the gateway here, with an application that writes.',
      call: 'npm start --',
      help: HELP,
    },
    output,
  )
    .option(
      '--seconds <n>',
      'stop after n seconds, compare every row of both databases, say whether they are equal',
      wholeNumber(1, MAX_SECONDS),
    )
    .option(
      '--seed <n>',
      'seed of what the application writes; random by default',
      wholeNumber(0, MAX_SEED),
    )
    .option(
      '--rate <rows>',
      `rows for export a second, at most (default: ${RATE_OF_BOUNDED_RUN} with --seconds, ` +
        `else ${RATE_OF_ENDLESS_RUN})`,
      wholeNumber(1, MAX_RATE),
    )
    .addOption(
      new Option(
        '--fault <names...>',
        'let the application make a mistake, for the checks to find',
      ).choices(Object.keys(FAULTS)),
    )
    .option('--quiet', 'no live line every second')
    .allowExcessArguments(false)
  program.parse(args, { from: 'user' })
  const { seconds, seed, rate, fault, quiet } = program.opts<{
    seconds?: number
    seed?: number
    rate?: number
    fault?: Fault[]
    quiet?: boolean
  }>()
  return {
    seconds,
    seed: seed ?? randomSeed,
    rowsPerSecond: rate ?? (seconds === undefined ? RATE_OF_ENDLESS_RUN : RATE_OF_BOUNDED_RUN),
    faults: fault ?? [],
    isQuiet: quiet ?? false,
  }
}
