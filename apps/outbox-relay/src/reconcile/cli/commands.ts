import { randomUUID } from 'node:crypto'
import { datasetByName, digestScopeSchema } from '@hq-export/contract'
import { withJson } from '@hq-export/runtime/cli/options.ts'
import { ProgressLine } from '@hq-export/runtime/cli/progress-line.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { type Command, InvalidArgumentError } from 'commander'
import {
  readSelection,
  type SelectionOptions,
  withSelection,
} from '../../backfill/cli/selection-options.ts'
import type { BackfillSelection } from '../../backfill/selection.ts'
import type { ReconcileRequest } from '../reconcile-context.ts'
import { runFactsWithFindings } from '../report/run-facts.ts'
import { exitAs, type ReconcileCommandLine } from './command-line.ts'
import { describeFindings, describeRun } from './describe-run.ts'
import { ProgressRate } from './progress-rate.ts'
import { addRecordCommands } from './record-commands.ts'

const HELP = `
Compares what the source has with what HQ has, while both go on, and says which keys differ, and in
which columns. Without --repair nothing is sent. Ctrl-C ends it; it is then undecided.
Exit status: 0 equal, 1 different (also where --repair has sent it once more: only a later run
proves that it arrived), 2 undecided or bad usage.`

const MAX_SAMPLE = 1_000_000
/** Findings that are shown below the result. */
const SHOWN_FINDINGS = 20

function parseSample(text: string): number {
  const [, digits] = /^1\/([1-9]\d{0,6})$/.exec(text) ?? []
  const oneIn = Number(digits)
  if (oneIn >= 2 && oneIn <= MAX_SAMPLE) return oneIn
  throw new InvalidArgumentError(`must be 1/N with N from 2 to ${MAX_SAMPLE}, such as 1/64`)
}

interface ReconcileOptions extends SelectionOptions {
  readonly repair?: boolean
  readonly sample?: number
  readonly json?: boolean
}

/** @throws {OperatorError} for bounds that cannot be put to HQ, such as `infinity`. */
function requestOf(
  { dataset, since, until, orgId }: BackfillSelection,
  { repair = false, sample }: ReconcileOptions,
): ReconcileRequest {
  const scope = digestScopeSchema.safeParse({
    ...(orgId !== null && { org_id: orgId }),
    ...(since !== null && { since }),
    ...(until !== null && { until }),
    ...(sample !== undefined && { sample }),
  })
  if (!scope.success)
    throw new OperatorError('--since and --until must be moments of the years 1 to 9999')
  return {
    id: randomUUID(),
    kind: 'command',
    datasets: dataset === null ? null : [datasetByName(dataset)],
    scope: scope.data,
    repair: repair ? 'all' : 'off',
  }
}

async function reconcileOnCommandLine(
  request: ReconcileRequest,
  isJson: boolean,
  commandLine: ReconcileCommandLine,
): Promise<void> {
  const { createErrorLog, interruptible, loadConfig, print, terminal } = commandLine
  const { reconcileAsked } = await import('./reconcile-asked.ts')
  const line = new ProgressLine(terminal)
  const rate = new ProgressRate()
  const record = await reconcileAsked(
    loadConfig(),
    {
      log: createErrorLog(),
      stopping: interruptible(),
      onProgress: (progress) => line.show(rate.describe(progress, performance.now())),
    },
    request,
  ).finally(() => line.end())
  exitAs(record.state, commandLine)
  if (isJson) {
    print(JSON.stringify(runFactsWithFindings(record)))
    return
  }
  const found = record.findings.length === 0 ? [] : ['', describeFindings(record, SHOWN_FINDINGS)]
  print([describeRun(record), ...found].join('\n'))
}

/** Adds `reconcile` and `reconcile list | show | report` to the program. */
export function addReconcileCommands(program: Command, commandLine: ReconcileCommandLine): void {
  // What stands behind a subcommand is its own: --json exists on two levels.
  const command = program
    .enablePositionalOptions()
    .command('reconcile')
    .enablePositionalOptions()
    .description('compare the source with HQ, row by row where they differ; and repair')
  const parent = withJson(withSelection(command))
    .option('--repair', 'send what is missing, stale or different once more')
    .option('--sample <1/N>', 'one row in N, by its key; never says equal', parseSample)
    .addHelpText('after', HELP)
  parent.action(async (options: ReconcileOptions) => {
    const selection = await commandLine.withDatabase((client) => readSelection(client, options))
    await reconcileOnCommandLine(requestOf(selection, options), options.json ?? false, commandLine)
  })
  addRecordCommands(parent, commandLine)
}
