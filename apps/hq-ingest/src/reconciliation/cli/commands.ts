import { RECONCILIATION_STATES, UUID_PATTERN } from '@hq-export/contract'
import { matching, oneOf, withJson, withLimit } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { withPool } from '../../cli/with-pool.ts'
import { listReconciliations, type RunFilters } from '../list-reconciliations.ts'
import { showReconciliation } from '../show-reconciliation.ts'
import { printRun, printRuns } from './print-reconciliations.ts'

type ListOptions = RunFilters & { readonly limit: number; readonly json?: boolean }

const KINDS = ['command', 'daily', 'follow']
const parseRun = matching(
  new RegExp(`^latest$|${UUID_PATTERN.source}`),
  'must be an id, as list shows it, or latest',
)

function withOptions(command: Command): Command {
  return withJson(
    withLimit(
      command
        .option('--source <name>', 'of this source')
        .option('--kind <kind>', 'begun so', oneOf(KINDS)),
    ),
  )
}

function addList(parent: Command, commandLine: IngestCommandLine): void {
  const { print } = commandLine
  withOptions(
    parent
      .command('list')
      .description('comparisons of sources with HQ, the newest first')
      .option('--state <state>', 'that came to this', oneOf(RECONCILIATION_STATES)),
  ).action(async ({ limit, json, ...filters }: ListOptions) => {
    const runs = await withPool(commandLine, (pool) => listReconciliations(pool, filters, limit))
    print(json ? printJson({ reconciliations: runs }) : printRuns(runs))
  })
}

function addShow(parent: Command, commandLine: IngestCommandLine): void {
  const { print, exitFailed } = commandLine
  withOptions(
    parent
      .command('show')
      .description('everything that is kept of one; exit status 1 unless it is equal')
      .argument('<id>', 'as list shows it, or latest', parseRun),
  ).action(async (id: string, { limit, json, ...filters }: ListOptions) => {
    const run = await withPool(commandLine, (pool) => showReconciliation(pool, id, filters, limit))
    if (run === undefined) {
      const list = 'npm run ingest -- reconciliations list'
      throw new OperatorError(`no such reconciliation; see: ${list}`)
    }
    print(json ? printJson(run) : printRun(run))
    if (run.state !== 'equal') exitFailed()
  })
}

/** Adds `reconciliations list | show` to the program. */
export function addReconciliationCommands(program: Command, commandLine: IngestCommandLine): void {
  const parent = program
    .command('reconciliations')
    .description('what comparisons of sources with HQ came to')
  addList(parent, commandLine)
  addShow(parent, commandLine)
}
