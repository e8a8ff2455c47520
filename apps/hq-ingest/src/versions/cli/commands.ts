import { DATASETS, type Dataset, datasetByName } from '@hq-export/contract'
import { withJson } from '@hq-export/runtime/cli/options.ts'
import { printJson, table } from '@hq-export/runtime/table.ts'
import type { Command } from 'commander'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { transactAsWriter } from '../../db/transact-as-writer.ts'
import { loadDatabaseUrl } from '../../process/config.ts'
import { compareVersions, type VersionComparison } from '../compare-versions.ts'

/** Comparisons for people. */
function print(comparisons: readonly VersionComparison[]): string {
  if (comparisons.length === 0) return 'no dataset version follows another'
  return table([
    ['earlier', 'later', 'rows', 'only earlier', 'only later', 'different', 'columns'],
    ...comparisons.map(({ earlier, later, rows, onlyEarlier, onlyLater, different, columns }) => [
      ...[earlier, later, String(rows), String(onlyEarlier), String(onlyLater), String(different)],
      Object.entries(columns)
        .map(([name, differing]) => `${name} ${differing}`)
        .join(', ') || '-',
    ]),
  ])
}

const isEqual = ({ onlyEarlier, onlyLater, different }: VersionComparison) =>
  onlyEarlier + onlyLater + different === 0

/** Adds `versions` to the program. */
export function addVersionsCommand(program: Command, commandLine: IngestCommandLine): void {
  withJson(
    program
      .command('versions')
      .description('holds each later version against the one before it; exit status 1 if unequal'),
  ).action(async ({ json }: { json?: boolean }) => {
    const datasets: readonly Dataset[] = DATASETS
    const comparisons = await transactAsWriter(loadDatabaseUrl(commandLine.env), async (client) => {
      const done: VersionComparison[] = []
      for (const later of datasets) {
        if (later.follows === undefined) continue
        done.push(await compareVersions(client, datasetByName(later.follows.dataset), later))
      }
      return done
    })
    commandLine.print(json ? printJson({ comparisons }) : print(comparisons))
    if (!comparisons.every(isEqual)) commandLine.exitFailed()
  })
}
