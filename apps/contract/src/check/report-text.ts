import { type CheckResult, type Reported, statusOf } from './check-result.ts'

function change({ before, after }: Reported): string {
  return `${before ?? 'nothing'} -> ${after ?? 'nothing'}`
}

function lines(finding: Reported): string[] {
  const { rule, severity, subject, column, place, fingerprint, against, waived } = finding
  const where = `${place.file}:${place.line}`
  return [
    `${waived === undefined ? severity : 'waived'} ${rule}  ${where}  [${fingerprint}]`,
    `  ${subject}${column === undefined ? '' : `, ${column}`}: ${finding.says}`,
    `  ${change(finding)}${against === undefined ? '' : `, against ${against}`}`,
    ...(place.pointer === undefined ? [] : [`  at ${place.pointer}`]),
    waived === undefined
      ? `  instead: ${finding.wayOut}`
      : `  until ${waived.expires}: ${waived.reason}`,
  ]
}

const ENDS = {
  0: 'nothing breaks',
  1: 'this breaks whoever reads or writes',
  2: 'generated files are stale; run: npm run contract -- generate',
  3: 'a rule of publishing is broken',
} as const

/** A check for people. */
export function reportText(result: CheckResult): string {
  const { findings, stale, comparedWith } = result
  return [
    ...findings.flatMap((finding) => [...lines(finding), '']),
    ...stale.map(({ path, why }) => `stale ${path}: ${why}`),
    `compared with ${comparedWith}: ${ENDS[statusOf(result)]}`,
  ].join('\n')
}
