import { UUID_PATTERN } from '@hq-export/contract'
import { oneOf, withJson, withLimit } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { type Command, InvalidArgumentError } from 'commander'
import {
  listReconciliations,
  type ReconciliationRecord,
  readReconciliation,
} from '../record/reconciliation-record.ts'
import { REPORT_FORMATS, type ReportFormat, report } from '../report/report.ts'
import { runFacts, runFactsWithFindings } from '../report/run-facts.ts'
import { exitAs, type ReconcileCommandLine } from './command-line.ts'
import { describeFindings, describeRun, describeRuns } from './describe-run.ts'

function parseRun(text: string): string {
  const id = text.toLowerCase()
  if (id === 'latest' || UUID_PATTERN.test(id)) return id
  throw new InvalidArgumentError('must be an id, as list shows it, or latest')
}

/** @throws {OperatorError} where there is none. */
async function readRun(
  id: string,
  { withDatabase }: ReconcileCommandLine,
): Promise<ReconciliationRecord> {
  const record = await withDatabase((client) => readReconciliation(client, id))
  if (record !== undefined) return record
  throw new OperatorError(
    id === 'latest'
      ? 'no reconciliation yet; begin one: npm run relay -- reconcile'
      : `no reconciliation ${id}; see: npm run relay -- reconcile list`,
  )
}

/** Adds `list`, `show` and `report` to the command of reconciliations. */
export function addRecordCommands(parent: Command, commandLine: ReconcileCommandLine): void {
  const { withDatabase, print } = commandLine
  withJson(
    withLimit(
      parent
        .command('list')
        .description('what was compared, the newest first; exit status as that of the newest'),
    ),
  ).action(async ({ limit, json }: { limit: number; json?: boolean }) => {
    const records = await withDatabase((client) => listReconciliations(client, limit))
    print(json ? JSON.stringify(records.map(runFacts)) : describeRuns(records))
    const [newest] = records
    if (newest !== undefined) exitAs(newest.state, commandLine)
  })
  withJson(
    withLimit(
      parent
        .command('show')
        .description('one of them with its findings; exit status as that of the run')
        .argument('<run>', 'its id, or latest', parseRun),
    ),
  ).action(async (id: string, { limit, json }: { limit: number; json?: boolean }) => {
    const record = await readRun(id, commandLine)
    print(
      json
        ? JSON.stringify(runFactsWithFindings(record))
        : [describeRun(record), '', describeFindings(record, limit)].join('\n'),
    )
    exitAs(record.state, commandLine)
  })
  parent
    .command('report')
    .description('one of them as a file: a page without a script, the stored run, or test cases')
    .argument('<run>', 'its id, or latest', parseRun)
    .requiredOption('--format <format>', REPORT_FORMATS.join(', '), oneOf(REPORT_FORMATS))
    .action(async (id: string, { format }: { format: ReportFormat }) => {
      print(await report(await readRun(id, commandLine), format))
    })
}
