import { DATASETS, type DatasetName, datasetByName } from '@hq-export/contract'
import { oneOf, withJson } from '@hq-export/runtime/cli/options.ts'
import { type Output, Program } from '@hq-export/runtime/cli/program.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { printJson, table } from '@hq-export/runtime/table.ts'
import { type Command, Option } from 'commander'
import { renderDatasetTables } from '../generate/dataset-tables.ts'
import { replaceGeneratedSection } from '../generate/generated-section.ts'
import { addCheck } from './check-command.ts'
import { addDiff } from './diff-command.ts'
import { addGenerate } from './generate-command.ts'
import type { Governed } from './governed.ts'
import { addLifeCommands } from './life-commands.ts'

const CALL = 'npm run contract --'

/** `docs/EXPORT_CONTRACT_V1.md`, wherever it is. */
export interface ContractDocument {
  read(): string
  write(text: string): void
}

interface JsonOption {
  readonly json?: boolean
}

function addList(command: Command, { print }: Program): void {
  withJson(command.command('list').description('the datasets under contract')).action(
    ({ json }: JsonOption) => {
      const facts = DATASETS.map(({ name, semantics, description }) => ({
        name,
        semantics,
        description,
      }))
      print(json ? printJson(facts) : table(facts.map((fact) => Object.values(fact))))
    },
  )
}

function addShow(command: Command, { print }: Program): void {
  withJson(
    command
      .command('show')
      .description('one dataset: keys, write rule, columns')
      .argument('<dataset>', 'as list shows it', oneOf(DATASETS.map(({ name }) => name))),
  ).action((name: DatasetName, { json }: JsonOption) => {
    const dataset = datasetByName(name)
    print(json ? printJson(dataset) : renderDatasetTables([dataset]))
  })
}

function addDocs(command: Command, program: Program, document: ContractDocument): void {
  command
    .command('docs')
    .description('the tables of docs/EXPORT_CONTRACT_V1.md; exit status 1 if they are out of date')
    .addOption(new Option('--check', 'compare them').conflicts('write'))
    .option('--write', 'bring them up to date')
    .action(({ check, write }: { check?: boolean; write?: boolean }) => {
      if (!check && !write) throw new OperatorError('say which: give --check or --write')
      const before = document.read()
      const after = replaceGeneratedSection(before, renderDatasetTables(DATASETS))
      if (after === before) program.print('up to date')
      else if (write) {
        document.write(after)
        program.print('written')
      } else {
        program.print(`the tables differ from the descriptors; run: ${CALL} docs --write`)
        program.exitFailed()
      }
    })
}

/** The program behind `npm run contract`. */
export function createContractProgram(
  document: ContractDocument,
  governed: Governed,
  output: Output,
): Program {
  const program = new Program(
    {
      name: 'contract',
      description: 'The export contract: its datasets, what follows from them, and their lives.',
      call: CALL,
      help: 'Of check, generate and the life cycle also: 2 stale, 3 a rule of publishing forbids it.',
      // Only files can fail, by an error of the file system.
      explain: (error) =>
        `${error instanceof Error ? error.message : String(error)}; see docs/EXPORT_CONTRACT_V1.md`,
    },
    output,
  )
  addList(program.command, program)
  addShow(program.command, program)
  addDocs(program.command, program, document)
  addGenerate(program.command, program, governed)
  addCheck(program.command, program, governed)
  addDiff(program.command, program, governed)
  addLifeCommands(program.command, program, governed)
  return program
}
