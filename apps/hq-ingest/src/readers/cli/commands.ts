import { withJson } from '@hq-export/runtime/cli/options.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { withPool } from '../../cli/with-pool.ts'
import { readReadings } from '../read-readings.ts'
import { printReadings } from './print-readings.ts'

/** Adds `readers` to the program. */
export function addReadersCommand(program: Command, commandLine: IngestCommandLine): void {
  withJson(
    program
      .command('readers')
      .description('when readers of HQ read each dataset version last, as far as PostgreSQL tells'),
  ).action(async ({ json }: { json?: boolean }) => {
    const readings = await withPool(commandLine, readReadings)
    commandLine.print(json ? printJson(readings) : printReadings(readings))
  })
}
