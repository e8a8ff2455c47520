import type { Program } from '@hq-export/runtime/cli/program.ts'
import { printJson } from '@hq-export/runtime/table.ts'
import { type Command, Option } from 'commander'
import { check } from '../check/check.ts'
import { type CheckResult, statusOf } from '../check/check-result.ts'
import { reportGithub } from '../check/report-github.ts'
import { reportJunit } from '../check/report-junit.ts'
import { reportText } from '../check/report-text.ts'
import type { Governed } from './governed.ts'
import { withAsOf } from './options.ts'

interface CheckOptions {
  readonly against?: string
  readonly frozenOnly?: boolean
  readonly asOf?: string
  readonly json?: boolean
  readonly format: 'text' | 'github' | 'junit'
}

/** Ends a program as a result says. */
export function exitAs(program: Program, result: CheckResult): void {
  const status = statusOf(result)
  if (status === 1) program.exitFailed()
  if (status === 2) program.exitUnknown()
  if (status === 3) program.exitForbidden()
}

function rendered(result: CheckResult, { json, format }: CheckOptions): string {
  if (json) return printJson({ ...result, status: statusOf(result) })
  switch (format) {
    case 'text':
      return reportText(result)
    case 'github':
      return reportGithub(result)
    case 'junit':
      return reportJunit(result)
  }
}

/** `contract check`. */
export function addCheck(command: Command, program: Program, governed: Governed): void {
  withAsOf(
    command
      .command('check')
      .description(
        'hold the contract against what it was: exit status 1 breaking, 2 stale or could not ' +
          'tell, 3 a rule of publishing',
      )
      .option('--against <ref>', 'a commit, in place of the merge base with the main branch')
      .addOption(
        new Option('--frozen-only', 'where there is no history: frozen locks alone').conflicts(
          'against',
        ),
      )
      .addOption(new Option('--json', 'as JSON').conflicts('format'))
      .addOption(
        new Option('--format <form>', 'how it is shown')
          .choices(['text', 'github', 'junit'])
          .default('text'),
      ),
  ).action((options: CheckOptions) => {
    const { tree, datasets, readOpenApi, today } = governed
    const { against, frozenOnly, asOf } = options
    const result = check({
      tree,
      datasets,
      readOpenApi,
      today: asOf ?? today(),
      ...(against !== undefined && { against }),
      isFrozenOnly: frozenOnly === true,
    })
    const text = rendered(result, options)
    if (text !== '') program.print(text)
    exitAs(program, result)
  })
}
