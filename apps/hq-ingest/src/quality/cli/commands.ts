import { DATASETS } from '@hq-export/contract'
import { oneOf } from '@hq-export/runtime/cli/options.ts'
import type { Program } from '@hq-export/runtime/cli/program.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type { IngestCommandLine } from '../../cli/command-line.ts'
import { withPool } from '../../cli/with-pool.ts'
import { readHqClock } from '../../ledger/hq-clock.ts'
import { listSources } from '../evaluate/sources.ts'
import { DAY_MS, dayOf, floorTo } from '../window/time.ts'

const FORMATS = ['text', 'json', 'html', 'junit'] as const
type Format = (typeof FORMATS)[number]

interface QualityOptions {
  readonly day?: string
  readonly week?: string
  readonly dataset?: string
  readonly source?: string
  readonly format: Format
}

/** @throws {OperatorError} for what is no day. */
function beginOf(day: string, option = '--day'): number {
  const begin = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(begin) || dayOf(begin) !== day)
    throw new OperatorError(`${option} must be a day, such as 2026-11-28`)
  return begin
}

async function showWeek(
  program: Program,
  commandLine: IngestCommandLine,
  week: string,
  format: Format,
  source: string | undefined,
): Promise<void> {
  if (format !== 'text' && format !== 'json')
    throw new OperatorError('a digest has the formats text and json')
  const { readDigests } = await import('../digest/read-digests.ts')
  const { weekOf } = await import('../digest/week-digest.ts')
  const { printDigests } = await import('../digest/print-digests.ts')
  const begin = weekOf(beginOf(week, '--week'))
  const digests = await withPool(commandLine, async (pool) => {
    const client = await pool.connect()
    try {
      const sources = await listSources(client)
      const asked = sources.filter((name) => source === undefined || name === source)
      return await readDigests(client, asked, begin)
    } finally {
      client.release()
    }
  })
  program.print(format === 'json' ? JSON.stringify({ digests }) : printDigests(digests))
  if (digests.length === 0) program.exitUnknown()
}

/** Adds `quality` to the program: exit status 0 good, 1 a check fails, 2 it could not tell. */
export function addQualityCommand(program: Program, commandLine: IngestCommandLine): void {
  program.command
    .command('quality')
    .description('may HQ trust the rows of a day; exit status 1 a check fails, 2 it cannot tell')
    .option('--day <day>', 'UTC day by the clock of HQ; default today')
    .option('--week <day>', 'the digest of the week of this day instead, as text or json')
    .option('--dataset <name>', 'of this one', oneOf(DATASETS.map(({ name }) => name)))
    .option('--source <name>', 'of this source')
    .option('--format <format>', FORMATS.join(', '), oneOf(FORMATS), 'text')
    .action(async ({ day, week, format, ...filter }: QualityOptions) => {
      if (week !== undefined) {
        await showWeek(program, commandLine, week, format, filter.source)
        return
      }
      // The checks are more than every other command needs.
      const { judgementOf, readDay } = await import('../report/read-day.ts')
      const print = await import('../report/print-day.ts')
      const asked = day === undefined ? undefined : beginOf(day)
      const reports = await withPool(commandLine, async (pool) => {
        const client = await pool.connect()
        try {
          const now = await readHqClock(client)
          return await readDay(client, asked ?? floorTo(now, DAY_MS), now, filter)
        } finally {
          client.release()
        }
      })
      const judgement = judgementOf(reports)
      const printed = {
        text: () => print.printText(reports),
        json: () => print.printReportsJson(reports),
        html: () => print.printHtml(reports),
        junit: () => print.printJunit(reports),
      }[format]()
      program.print(printed)
      if (judgement === 'bad') program.exitFailed()
      else if (judgement === 'unknown') program.exitUnknown()
    })
}
