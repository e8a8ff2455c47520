import { withDryRun, withJson } from '@hq-export/runtime/cli/options.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import { readBinding } from '../../binding/read-binding.ts'
import { planPasses } from '../pass.ts'
import { recordBackfill } from '../record-backfill.ts'
import { type BackfillCommandLine, followOnCommandLine } from './command-line.ts'
import { addControlCommands } from './control-commands.ts'
import { describePreview, previewBackfill } from './preview-backfill.ts'
import { readSelection, type SelectionOptions, withSelection } from './selection-options.ts'

const HELP = `
While a relay leads, that one executes it, after live changes; else this command does. It goes on
from its checkpoint whoever is killed. Ctrl-C leaves it to the relay, or pauses it.
Exit status: 0 all delivered, 1 delivered but rows were refused (see dead-letters), 2 not all
delivered or bad usage.`

/** Adds `backfill` and `backfill list | pause | resume | cancel` to the program. */
export function addBackfillCommands(program: Command, commandLine: BackfillCommandLine): void {
  const { withDatabase, print, terminal } = commandLine
  // What stands behind a subcommand is its own: --json exists on two levels.
  const command = program
    .enablePositionalOptions()
    .command('backfill')
    .enablePositionalOptions()
    .description(
      'send what the source has to HQ, changed or not; returns when all of it is delivered',
    )
  const parent = withJson(withDryRun(withSelection(command))).addHelpText('after', HELP)
  parent.action(async (options: SelectionOptions & { dryRun?: boolean; json?: boolean }) => {
    const { dryRun: isDryRun = false, json: isJson = false } = options
    await withDatabase(async (client) => {
      const selection = await readSelection(client, options)
      const passes = planPasses(await readBinding(client), selection)
      if (isDryRun) {
        const preview = await previewBackfill(client, passes, selection)
        print(isJson ? printJson(preview) : describePreview(preview))
        return
      }
      const id = await recordBackfill(client, passes, selection)
      terminal.write(`backfill ${id} is recorded\n`)
      await followOnCommandLine(client, id, isJson, commandLine)
    })
  })
  addControlCommands(parent, commandLine)
}
