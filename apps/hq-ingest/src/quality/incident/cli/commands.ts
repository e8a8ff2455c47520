import { DATASETS } from '@hq-export/contract'
import { oneOf, parseId, withJson, withLimit, withNote } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import { type Command, InvalidArgumentError } from 'commander'
import type { IngestCommandLine } from '../../../cli/command-line.ts'
import { withPool } from '../../../cli/with-pool.ts'
import { type Accepting, acceptIncident } from '../accept-incident.ts'
import { listDismissed } from '../list-dismissed.ts'
import { findIncident, type IncidentFilters, listIncidents } from '../list-incidents.ts'
import { tolerateCheck } from '../tolerate-check.ts'
import { printIncident, printIncidents } from './print-incidents.ts'

const NO_SUCH = 'no such incident; see: npm run ingest -- incidents list'

/** Why nothing was accepted. */
const REFUSALS: Readonly<Record<Exclude<Accepting, 'accepted'>, string>> = {
  unknown: NO_SUCH,
  accepted_before: 'it was accepted before',
  not_of_the_usual: 'its rule does not depend on what is usual: mend the source, and it closes',
}

function parseSize(text: string): number {
  const size = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(size)) return size
  throw new InvalidArgumentError('must be a number, such as 0.3')
}

function addList(parent: Command, commandLine: IngestCommandLine): void {
  const { print, exitFailed } = commandLine
  const command = parent
    .command('list')
    .description('open incidents, that failed last first; exit status 1 if there are any')
    .option('--source <name>', 'of this source')
    .option('--dataset <name>', 'of this one', oneOf(DATASETS.map(({ name }) => name)))
    .option('--closed', 'those that are over, instead')
  withJson(withLimit(command)).action(
    async ({ limit, json, ...filters }: IncidentFilters & { limit: number; json?: boolean }) => {
      const [incidents, dismissed] = await withPool(commandLine, async (pool) => [
        await listIncidents(pool, filters, limit),
        await listDismissed(pool),
      ])
      print(json ? printJson({ incidents, dismissed }) : printIncidents(incidents, dismissed))
      if (filters.closed !== true && incidents.length > 0) exitFailed()
    },
  )
}

function addShow(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('show')
    .description('everything that is kept of one')
    .argument('<id>', 'as list shows it', parseId)
  withJson(command).action(async (id: string, { json }: { json?: boolean }) => {
    const incident = await withPool(commandLine, (pool) => findIncident(pool, id))
    if (incident === undefined) throw new OperatorError(NO_SUCH)
    commandLine.print(json ? printJson(incident) : printIncident(incident))
  })
}

function addAccept(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('accept')
    .description('this is how it is from now on: closes it, and what is usual begins with it')
    .argument('<id>', 'as list shows it', parseId)
    .option('--by <name>', 'who does it, for the audit; the login role without')
  withNote(command).action(async (id: string, { note, by }: { note: string; by?: string }) => {
    const came = await withPool(commandLine, (pool) => acceptIncident(pool, id, note, by))
    if (came !== 'accepted') throw new OperatorError(REFUSALS[came])
    commandLine.print(`accepted ${id}`)
  })
}

function addTolerate(parent: Command, commandLine: IngestCommandLine): void {
  const command = parent
    .command('tolerate')
    .description('changes the check of one: it may find so much from now on')
    .argument('<id>', 'as list shows it', parseId)
    .requiredOption(
      '--up-to <size>',
      'the fraction of show, or the value; 0: as declared',
      parseSize,
    )
    .option('--by <name>', 'who does it, for the audit; the login role without')
  withNote(command).action(
    async (id: string, { upTo, note, by }: { upTo: number; note: string; by?: string }) => {
      const came = await withPool(commandLine, (pool) => tolerateCheck(pool, id, upTo, note, by))
      if (came !== 'tolerated') throw new OperatorError(REFUSALS[came])
      commandLine.print(`the check of ${id} tolerates up to ${upTo}`)
    },
  )
}

/** Adds `incidents list | show | accept | tolerate` to the program. */
export function addIncidentCommands(program: Command, commandLine: IngestCommandLine): void {
  const parent = program.command('incidents').description('quality checks that failed')
  addList(parent, commandLine)
  addShow(parent, commandLine)
  addAccept(parent, commandLine)
  addTolerate(parent, commandLine)
}
