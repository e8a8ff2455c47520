import type { NamedFinding } from './finding.ts'

/** What the doctor found, for people: what to do stands below what was found. */
export function printFindings(findings: readonly NamedFinding[]): string {
  return findings
    .flatMap(({ check, state, found, todo }) => [
      `${state.padEnd(8)}${check.padEnd(22)}${found}`,
      ...(todo === null ? [] : [`${' '.repeat(30)}-> ${todo}`]),
    ])
    .join('\n')
}
