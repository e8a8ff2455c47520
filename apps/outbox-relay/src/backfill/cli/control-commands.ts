import { parseId, withJson } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type pg from 'pg'
import {
  type BackfillAction,
  type BackfillRecord,
  controlBackfill,
  listBackfills,
  readBackfill,
} from '../backfill-record.ts'
import { type BackfillCommandLine, followOnCommandLine } from './command-line.ts'
import { backfillFacts, describeBackfills } from './describe-backfill.ts'

const SEE_LIST = 'see: npm run relay -- backfill list'

/**
 * The backfill that is meant: the one named, else the only one that is not over.
 * @throws {OperatorError} where there is none, or more than one.
 */
async function resolveBackfill(client: pg.Client, id: string | undefined): Promise<BackfillRecord> {
  if (id !== undefined) {
    const named = await readBackfill(client, id)
    if (named === undefined) throw new OperatorError(`no backfill ${id}; ${SEE_LIST}`)
    return named
  }
  const open = (await listBackfills(client)).filter(
    ({ state }) => state === 'running' || state === 'paused' || state === 'failed',
  )
  const [only] = open
  if (only === undefined) throw new OperatorError(`no backfill is under way; ${SEE_LIST}`)
  if (open.length > 1) {
    const ids = open.map((record) => record.id).join(', ')
    throw new OperatorError(`several are under way (${ids}); name one`)
  }
  return only
}

function addSubcommand(parent: Command, name: string, description: string): Command {
  return withJson(
    parent
      .command(name)
      .description(description)
      .argument('[id]', 'as list shows it; not needed while there is only one', parseId),
  )
}

function addAction(
  parent: Command,
  action: Exclude<BackfillAction, 'resume'>,
  description: string,
  { withDatabase, print, exitFailed }: BackfillCommandLine,
): void {
  addSubcommand(parent, action, description).action(
    async (id: string | undefined, options: { json?: boolean }) => {
      const { record, isChanged } = await withDatabase(async (client) => {
        const before = await resolveBackfill(client, id)
        const isChanged = await controlBackfill(client, before.id, action)
        return { isChanged, record: (await readBackfill(client, before.id)) ?? before }
      })
      const sentence = `backfill ${record.id} is ${record.state}${isChanged ? '' : ' already'}`
      print(options.json ? printJson(backfillFacts(record)) : sentence)
      if (!isChanged) exitFailed()
    },
  )
}

/** Adds `list`, `pause`, `resume` and `cancel` to the command of backfills. */
export function addControlCommands(parent: Command, commandLine: BackfillCommandLine): void {
  const { withDatabase, print, exitFailed } = commandLine
  withJson(
    parent
      .command('list')
      .description('all of them, the newest first; exit status 1 if one has failed or waits'),
  ).action(async (options: { json?: boolean }) => {
    const records = await withDatabase(listBackfills)
    print(options.json ? printJson(records.map(backfillFacts)) : describeBackfills(records))
    if (records.some(({ state }) => state === 'failed' || state === 'paused')) exitFailed()
  })
  addAction(parent, 'pause', 'stop at the checkpoint, until resumed', commandLine)
  addAction(parent, 'cancel', 'stop for good; what HQ has, it keeps', commandLine)
  addSubcommand(
    parent,
    'resume',
    'go on from the checkpoint, or follow one that runs; returns when all of it is delivered',
  ).action(async (named: string | undefined, options: { json?: boolean }) => {
    await withDatabase(async (client) => {
      const { id } = await resolveBackfill(client, named)
      await controlBackfill(client, id, 'resume')
      await followOnCommandLine(client, id, options.json ?? false, commandLine)
    })
  })
}
