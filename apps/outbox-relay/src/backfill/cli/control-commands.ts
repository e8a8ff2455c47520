import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type pg from 'pg'
import { parseId } from '../../cli/parse-id.ts'
import {
  type BackfillRecord,
  listBackfills,
  readBackfill,
  type Steer,
  steerBackfill,
} from '../backfill-record.ts'
import { type BackfillCommandLine, followOnCommandLine } from './command-line.ts'
import { backfillFacts, describeBackfills } from './describe-backfill.ts'

/** The backfill that is meant: the one named, else the only one that is not over. */
async function meant(
  client: pg.Client,
  command: Command,
  id: string | undefined,
): Promise<BackfillRecord> {
  if (id !== undefined) {
    return (await readBackfill(client, id)) ?? command.error(`error: no backfill ${id}`)
  }
  const open = (await listBackfills(client)).filter(
    ({ state }) => state === 'running' || state === 'paused' || state === 'failed',
  )
  const [only] = open
  if (only === undefined) return command.error('error: no backfill is under way; see backfill list')
  if (open.length > 1) {
    const ids = open.map((record) => record.id).join(', ')
    return command.error(`error: several are under way (${ids}); name one`)
  }
  return only
}

function addSubcommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .argument('[id]', 'as list shows it; not needed while there is only one', parseId)
    .option('--json', 'as JSON')
}

function addSteer(
  parent: Command,
  steer: Exclude<Steer, 'resume'>,
  description: string,
  { withDatabase, say, found }: BackfillCommandLine,
): void {
  const command = addSubcommand(parent, steer, description)
  command.action(async (id: string | undefined, options: { json?: boolean }) => {
    const { record, isSteered } = await withDatabase(async (client) => {
      const before = await meant(client, command, id)
      const isSteered = await steerBackfill(client, before.id, steer)
      return { isSteered, record: (await readBackfill(client, before.id)) ?? before }
    })
    const sentence = `backfill ${record.id} is ${record.state}${isSteered ? '' : ' already'}`
    say(options.json ? printJson(backfillFacts(record)) : sentence)
    if (!isSteered) found()
  })
}

/** Adds `list`, `pause`, `resume` and `cancel` to the command of backfills. */
export function addSteerCommands(parent: Command, commandLine: BackfillCommandLine): void {
  const { withDatabase, say, found } = commandLine
  parent
    .command('list')
    .description('all of them, the newest first; exit status 1 if one has failed or waits')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const records = await withDatabase(listBackfills)
      say(options.json ? printJson(records.map(backfillFacts)) : describeBackfills(records))
      if (records.some(({ state }) => state === 'failed' || state === 'paused')) found()
    })
  addSteer(parent, 'pause', 'stop at the checkpoint, until resumed', commandLine)
  addSteer(parent, 'cancel', 'stop for good; what HQ has, it keeps', commandLine)
  const resume = addSubcommand(
    parent,
    'resume',
    'go on from the checkpoint, or follow one that runs; returns when all of it is delivered',
  )
  resume.action(async (named: string | undefined, options: { json?: boolean }) => {
    await withDatabase(async (client) => {
      const { id } = await meant(client, resume, named)
      await steerBackfill(client, id, 'resume')
      await followOnCommandLine(client, id, options.json ?? false, commandLine)
    })
  })
}
