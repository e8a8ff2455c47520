import { expect, test } from 'vitest'
import { type CheckResult, reported, statusOf } from './check-result.ts'
import { reportGithub } from './report-github.ts'
import { reportJunit } from './report-junit.ts'
import { reportText } from './report-text.ts'

const place = { file: 'packages/contract/src/datasets/parts.ts', line: 12, pointer: '/datasets/p' }
const finding = reported(
  {
    rule: 'COLUMN_NO_DELETE',
    subject: 'dx_parts_v1',
    column: 'note',
    member: 'name',
    before: 'a <note>, 100%',
    after: null,
    against: 'locks/0.1.0.json',
    fingerprint: '0123456789ab',
  },
  place,
)
const waived = {
  ...finding,
  waived: { rule: finding.rule, fingerprint: '0123456789ab', reason: 'why', expires: '2026-05-01' },
}
const policy = reported({ ...finding, rule: 'SUNSET_NO_EARLIER' }, place)
const stale = [{ path: 'packages/contract/contract.lock.json', why: 'differs' as const }]

const result = (changed: Partial<CheckResult> = {}): CheckResult => ({
  comparedWith: 'main',
  findings: [],
  stale: [],
  ...changed,
})

test('the status is the first of breaking, stale, policy; what is waived does not count', () => {
  expect(statusOf(result())).toBe(0)
  expect(statusOf(result({ findings: [policy] }))).toBe(3)
  expect(statusOf(result({ findings: [policy], stale }))).toBe(2)
  expect(statusOf(result({ findings: [policy, finding], stale }))).toBe(1)
  expect(statusOf(result({ findings: [waived] }))).toBe(0)
})

test('for people: rule, place, fingerprint, before, after, and what to do instead', () => {
  expect(reportText(result({ findings: [finding], stale }))).toBe(`\
error COLUMN_NO_DELETE  packages/contract/src/datasets/parts.ts:12  [0123456789ab]
  dx_parts_v1, note: a column is gone
  a <note>, 100% -> nothing, against locks/0.1.0.json
  at /datasets/p
  instead: leave it as it was, and publish the change as the next version of the dataset

stale packages/contract/contract.lock.json: differs
compared with main: this breaks whoever reads or writes`)
  expect(reportText(result({ findings: [waived] }))).toContain('until 2026-05-01: why')
})

test('for GitHub: an annotation beside the line', () => {
  const [line, second] = reportGithub(result({ findings: [finding], stale })).split('\n')
  expect(line).toMatch(
    /^::error file=packages\/contract\/src\/datasets\/parts\.ts,line=12,title=COLUMN_NO_DELETE::/,
  )
  expect(line).toContain('(a <note>, 100%25 -> nothing)')
  expect(second).toMatch(
    /^::error file=packages\/contract\/contract\.lock\.json,line=1,title=STALE/,
  )
  expect(reportGithub(result({ findings: [waived] }))).toMatch(/^::notice /)
  expect(reportGithub(result())).toBe('')
})

test('as JUnit: a case for each rule, and those that failed', () => {
  const text = reportJunit(result({ findings: [finding], stale }))
  expect(text).toContain('failures="2"')
  expect(text).toContain('name="PK_SAME"/>')
  expect(text).toMatch(/name="COLUMN_NO_DELETE"><failure message="dx_parts_v1, note: a column/)
  expect(text).toContain('a &lt;note&gt;, 100% -&gt; nothing')
  expect(reportJunit(result({ findings: [waived] }))).toContain('failures="0"')
})
