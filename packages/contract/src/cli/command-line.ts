import { parseArgs } from 'node:util'
import type { Dataset } from '../datasets/dataset.ts'
import { DATASETS, datasetByName, isDatasetName } from '../datasets/datasets.ts'
import { renderDatasetTables } from './dataset-tables.ts'
import { replaceGeneratedSection } from './generated-section.ts'

const HELP = `usage: npm run contract -- COMMAND

  list [--json]            the datasets under contract
  show DATASET [--json]    one dataset: keys, write rule, columns
  docs --check             is docs/EXPORT_CONTRACT_V1.md up to date? exit status 1 if not
  docs --write             bring its tables up to date

exit status: 0 good, 1 found something wrong, 2 bad usage
`

/** What a command leaves behind: 0 good, 1 found something wrong, 2 bad usage or could not tell. */
export interface CommandResult {
  readonly status: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
}

/** `docs/EXPORT_CONTRACT_V1.md`, wherever it is. */
export interface ContractDocument {
  read(): string
  write(text: string): void
}

const good = (stdout: string): CommandResult => ({ status: 0, stdout, stderr: '' })
const wrong = (stderr: string): CommandResult => ({ status: 1, stdout: '', stderr: `${stderr}\n` })
const badUsage = (problem: string): CommandResult => ({
  status: 2,
  stdout: '',
  stderr: `${problem}\n\n${HELP}`,
})

const json = (value: unknown) => good(`${JSON.stringify(value, null, 2)}\n`)

function list(asJson: boolean): CommandResult {
  if (asJson) {
    return json(
      DATASETS.map(({ name, semantics, description }) => ({ name, semantics, description })),
    )
  }
  const width = Math.max(...DATASETS.map(({ name }) => name.length))
  const lines = DATASETS.map(
    ({ name, semantics, description }) =>
      `${name.padEnd(width)}  ${semantics.padEnd('upsert'.length)}  ${description}\n`,
  )
  return good(lines.join(''))
}

function show(name: string, asJson: boolean): CommandResult {
  if (!isDatasetName(name)) return badUsage(`no dataset named ${name}; see list`)
  const dataset: Dataset = datasetByName(name)
  return asJson ? json(dataset) : good(`${renderDatasetTables([dataset])}\n`)
}

function docs(mode: 'check' | 'write', document: ContractDocument): CommandResult {
  const before = document.read()
  const after = replaceGeneratedSection(before, renderDatasetTables(DATASETS))
  if (mode === 'write') {
    if (after !== before) document.write(after)
    return good(after === before ? 'was up to date\n' : 'written\n')
  }
  return after === before
    ? good('up to date\n')
    : wrong('the tables differ from the descriptors; npm run contract -- docs --write')
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
}

function run(args: readonly string[], document: ContractDocument): CommandResult {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return badUsage(error instanceof Error ? error.message : String(error))
  }
  const { help, json: asJson, check, write } = parsed.values
  const [command, ...operands] = parsed.positionals
  if (help) return good(HELP)
  const docsOptions = check || write

  switch (command) {
    case undefined:
      return badUsage('which command?')
    case 'list':
      if (operands.length > 0 || docsOptions) return badUsage('list takes --json only')
      return list(asJson)
    case 'show': {
      const [name, ...more] = operands
      if (name === undefined || more.length > 0 || docsOptions) {
        return badUsage('show takes one dataset and --json')
      }
      return show(name, asJson)
    }
    case 'docs':
      if (operands.length > 0 || asJson || check === write) {
        return badUsage('docs takes --check or --write')
      }
      return docs(check ? 'check' : 'write', document)
    default:
      return badUsage(`no command named ${command}`)
  }
}

/** Runs one command line of `npm run contract`; never throws. */
export function runCommandLine(args: readonly string[], document: ContractDocument): CommandResult {
  try {
    return run(args, document)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return { status: 2, stdout: '', stderr: `${problem}\n` }
  }
}
