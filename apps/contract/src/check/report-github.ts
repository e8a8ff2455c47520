import type { CheckResult, Reported } from './check-result.ts'

const LEVELS = { error: 'error', warning: 'warning', info: 'notice' } as const

/** As a workflow command has its text. */
function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function annotation(
  level: string,
  file: string,
  line: number,
  title: string,
  text: string,
): string {
  return `::${level} file=${file},line=${line},title=${title}::${escaped(text)}`
}

function annotate(finding: Reported): string {
  const { rule, subject, column, before, after, says, wayOut, fingerprint, place } = finding
  const text =
    `${subject}${column === undefined ? '' : `, ${column}`}: ${says} ` +
    `(${before ?? 'nothing'} -> ${after ?? 'nothing'}). Instead: ${wayOut} [${fingerprint}]`
  const level = finding.waived === undefined ? LEVELS[finding.severity] : 'notice'
  return annotation(level, place.file, place.line, rule, text)
}

/** A check as workflow commands of GitHub Actions: annotations beside the lines of a pull request. */
export function reportGithub({ findings, stale }: CheckResult): string {
  return [
    ...findings.map(annotate),
    ...stale.map(({ path, why }) =>
      annotation('error', path, 1, 'STALE', `${why}; run: npm run contract -- generate`),
    ),
  ].join('\n')
}
