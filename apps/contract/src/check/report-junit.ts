import { RULES, type RuleId } from '../rules/rules.ts'
import type { CheckResult, Reported } from './check-result.ts'

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function failureOf({ place, subject, column, before, after, says, fingerprint }: Reported): string {
  const what = `${subject}${column === undefined ? '' : `, ${column}`}: ${says}`
  const text = `${place.file}:${place.line} ${before ?? 'nothing'} -> ${after ?? 'nothing'}`
  return `<failure message="${escaped(what)}">${escaped(`${text} [${fingerprint}]`)}</failure>`
}

function testCase(name: string, failures: readonly string[]): string {
  if (failures.length === 0) return `  <testcase classname="contract" name="${name}"/>`
  return `  <testcase classname="contract" name="${name}">${failures.join('')}</testcase>`
}

/** A check as JUnit XML: a test case for each rule that fails a check, and one for what is stale. */
export function reportJunit({ findings, stale }: CheckResult): string {
  const rules = (Object.keys(RULES) as RuleId[]).filter((rule) => RULES[rule].severity === 'error')
  const open = findings.filter(({ waived }) => waived === undefined)
  const failed = new Set(open.map(({ rule }) => rule)).intersection(new Set(rules))
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="contract check" tests="${rules.length + 1}" ` +
      `failures="${failed.size + (stale.length > 0 ? 1 : 0)}">`,
    ...rules.map((rule) =>
      testCase(rule, open.filter((finding) => finding.rule === rule).map(failureOf)),
    ),
    testCase(
      'STALE',
      stale.map(({ path, why }) => `<failure message="${escaped(`${path} ${why}`)}"/>`),
    ),
    '</testsuite>',
  ].join('\n')
}
