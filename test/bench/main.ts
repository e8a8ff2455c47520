import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EXIT } from '@hq-export/runtime/cli/program.ts'
import { describeMachine, describeVersions } from './measure/machine.ts'
import {
  printAll,
  printAllJson,
  printJson,
  printMeasurement,
  type Result,
} from './measure/print-measurement.ts'
import { listProfiles, printProfiles } from './measure/profile-summary.ts'
import { type BenchOptions, type BenchSize, type Scenario, WrongResultError } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const ROWS_PER_COMMIT = 1000

function describeSize(size: BenchSize): string {
  return 'rows' in size ? `${size.rows} rows` : `${size.seconds} s a round`
}

const ALL = 'all'

const HELP = `Usage: npm run bench [-- NAME] [--rows N] [--seconds N] [--rounds N] [--profile FOLDER] [--json]

Measures how fast changes reach HQ, each scenario beside its anchor in the same run.
NAME is one of these, or "${ALL}", which is also what runs without NAME: every scenario, and at the
end one table of all measures. "npm run bench -- ${ALL} --rounds 3" repeats docs/PERFORMANCE.md.

${SCENARIOS.map(({ name, summary, size }) => `  ${name.padEnd(14)}${summary} (${describeSize(size)})`).join('\n')}

  --rows N          rows to measure with, where a scenario counts rows
  --rows-per-commit N
                    size of the transactions that wrote what a drain finds waiting (default ${ROWS_PER_COMMIT})
  --seconds N       how long one round writes, where a scenario runs for a time
  --rounds N        rounds of ours and anchor; measures are medians, and the JSON keeps the values
                    of every round (default 1)
  --profile FOLDER  write CPU profiles of relay and gateway there, and print where the time went; it costs speed
  --json            the result as one JSON object on the last line of standard output
  --help            this text

Exit status: 0 measured, 1 HQ did not hold what it should, 2 could not measure or bad usage.
`

class UsageError extends Error {
  override readonly name = 'UsageError'
}

function count(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${option} takes a whole number`)
  return value
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rows: { type: 'string' },
        'rows-per-commit': { type: 'string' },
        seconds: { type: 'string' },
        rounds: { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function chosen(names: readonly string[]): readonly Scenario[] {
  const [name, ...others] = names
  if (names.length === 0 || (name === ALL && others.length === 0)) return SCENARIOS
  const scenario = SCENARIOS.find((candidate) => candidate.name === name)
  if (scenario === undefined || others.length > 0) {
    const known = SCENARIOS.map((candidate) => candidate.name).join(', ')
    throw new UsageError(`name one of: ${known}, ${ALL}`)
  }
  return [scenario]
}

/** A size that the named scenario does not have would be ignored without a word. */
function assertSize(
  { name, size }: Scenario,
  rows: number | undefined,
  seconds: number | undefined,
): void {
  const [fit, unfit] = 'rows' in size ? ['--rows', '--seconds'] : ['--seconds', '--rows']
  if (('rows' in size ? seconds : rows) === undefined) return
  throw new UsageError(`${name} takes ${fit}, not ${unfit}`)
}

async function measure(scenario: Scenario, options: BenchOptions): Promise<Result> {
  const { profileFolder } = options
  const earlier = profileFolder === undefined ? [] : await listProfiles(profileFolder)
  const measurement = await scenario.run(options)
  const versions = await describeVersions(measurement.postgresql)
  if (profileFolder !== undefined) {
    const files = (await listProfiles(profileFolder)).filter((file) => !earlier.includes(file))
    process.stderr.write(`${await printProfiles(profileFolder, files)}\n\n`)
  }
  return { measurement, from: { scenario, machine: describeMachine(), versions } }
}

/**
 * Runs one after the other and prints each, then the table of all. One that fails takes nothing
 * from those before it.
 */
async function measureAll(
  scenarios: readonly Scenario[],
  optionsOf: (scenario: Scenario) => BenchOptions,
  isJson: boolean,
): Promise<void> {
  const results: Result[] = []
  const forPeople = isJson ? process.stderr : process.stdout
  try {
    for (const scenario of scenarios) {
      const result = await measure(scenario, optionsOf(scenario))
      results.push(result)
      forPeople.write(`${printMeasurement(result)}\n\n`)
    }
  } finally {
    if (results.length > 0) {
      process.stdout.write(`${isJson ? printAllJson(results) : printAll(results)}\n`)
    }
  }
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const scenarios = chosen(positionals)
  const isJson = values.json ?? false
  const rows = count(values.rows, '--rows')
  const seconds = count(values.seconds, '--seconds')
  const [only, ...others] = scenarios
  const single = others.length === 0 ? only : undefined
  if (single !== undefined) assertSize(single, rows, seconds)
  const rowsPerCommit = count(values['rows-per-commit'], '--rows-per-commit') ?? ROWS_PER_COMMIT
  const repeat = count(values.rounds, '--rounds') ?? 1
  const profileFolder = values.profile === undefined ? undefined : resolve(values.profile)
  if (profileFolder !== undefined) await mkdir(profileFolder, { recursive: true })

  const interrupted = new AbortController()
  const stop = (signal: NodeJS.Signals) =>
    interrupted.abort(new Error(`${signal}: stopped before the result`))
  // Until the end: a second Ctrl-C must not cut the removal of the servers short.
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)

  const optionsOf = ({ name, size }: Scenario): BenchOptions => ({
    rows: 'rows' in size ? (rows ?? size.rows) : 0,
    seconds: 'seconds' in size ? (seconds ?? size.seconds) : 0,
    rowsPerCommit,
    repeat,
    profileFolder,
    env: process.env,
    signal: interrupted.signal,
    report: (line) => process.stderr.write(`${name}: ${line}\n`),
  })
  if (single === undefined) await measureAll(scenarios, optionsOf, isJson)
  else {
    const result = await measure(single, optionsOf(single))
    process.stdout.write(`${isJson ? printJson(result) : printMeasurement(result)}\n`)
  }
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
}

try {
  await main()
} catch (error) {
  const text = error instanceof Error ? error.message : String(error)
  const next = error instanceof UsageError ? '; see: npm run bench -- --help' : ''
  process.stderr.write(`bench: ${text}${next}\n`)
  process.exitCode = error instanceof WrongResultError ? EXIT.wrong : EXIT.unknown
}
