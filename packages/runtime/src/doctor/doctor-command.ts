import { withJson } from '../cli/options.ts'
import type { Program } from '../cli/program.ts'
import { printJson } from '../table.ts'
import type { NamedFinding } from './finding.ts'

/** What the doctor found, for people: what to do stands below what was found. */
function printFindings(findings: readonly NamedFinding[]): string {
  return findings
    .flatMap(({ check, state, found, todo }) => [
      `${state.padEnd(8)}${check.padEnd(22)}${found}`,
      ...(todo === null ? [] : [`${' '.repeat(30)}-> ${todo}`]),
    ])
    .join('\n')
}

/**
 * Adds `doctor`: exit status 0 where nothing fails, 1 where something does, 2 where it cannot tell.
 * @param database as the operator knows it.
 */
export function addDoctorCommand(
  program: Program,
  database: string,
  run: () => Promise<readonly NamedFinding[]>,
): void {
  withJson(
    program.command
      .command('doctor')
      .description(`examines ${database} and says what to do; exit status 2 if it cannot tell`),
  ).action(async ({ json }: { json?: boolean }) => {
    const findings = await run()
    program.print(json ? printJson(findings) : printFindings(findings))
    if (findings.some(({ state }) => state === 'fail')) program.exitFailed()
    else if (findings.some(({ state }) => state === 'unknown')) program.exitUnknown()
  })
}
