import { datasetByName } from '@hq-export/contract'
import { describe, expect, test } from 'vitest'
import { judgeRow, type RowFacts } from './judge-row.ts'
import type { AtSource, Notes } from './read-at-source.ts'
import type { HqRow, InHq } from './read-hq-row.ts'
import type { SourceState } from './read-source-version.ts'

const COMPANIES = datasetByName('dx_company_entities_v1')
const RUNS = datasetByName('dx_operation_runs_v1')

function source(state: SourceState, notes: Partial<Notes> = {}): AtSource {
  const none = { capturedSince: null, sourceTable: null, deletedVersion: null, deletedAt: null }
  const calm = { removedAt: null, settlingSince: null, dueAt: null, resendReason: null }
  return {
    state,
    outbox: { entries: [], lookedBackTo: null, mayMiss: false },
    letters: [],
    notes: { ...none, ...calm, resendSince: null, comparedAt: null, comparedState: null, ...notes },
  }
}

function inHq(version: string | null | undefined, deletedAt: string | null = null): InHq {
  const row: Omit<HqRow, 'version'> = {
    ...{ orgId: 'o', source: 's', batch: 'b', ingestedAt: '2026-01-01T00:00:00.000000Z' },
    ...{ deletedAt, traceId: null, hasExtra: false },
  }
  return {
    row: version === undefined ? undefined : { ...row, version },
    versions: [],
    hasMore: false,
  }
}

const found = (version: string | null): SourceState => ({ kind: 'found', version })
const DELETED = { deletedVersion: '7', deletedAt: '2026-01-01T00:00:00.000000Z' }
const AT = '2026-01-01T00:00:00.000000Z'

function judge(facts: Partial<RowFacts>, absence?: string): string {
  const none = { dataset: COMPANIES, source: undefined, hq: undefined, ledgers: undefined }
  const { state, sentence } = judgeRow({ ...none, ...facts }, absence)
  return `${state}: ${sentence}`
}

describe('where a row is', () => {
  test.each<[string, RegExp, Partial<RowFacts>]>([
    ['the same version', /^equal: .*version 7 at/, { source: source(found('7')), hq: inHq('7') }],
    [
      'versions that a number would call equal',
      /^behind: .*9007199254740993, HQ version 9007199254740992\. Nothing of it is under way/,
      { source: source(found('9007199254740993')), hq: inHq('9007199254740992') },
    ],
    ['a newer version in HQ', /^ahead: /, { source: source(found('7')), hq: inHq('10') }],
    ['deleted in HQ alone', /^different: /, { source: source(found('7')), hq: inHq('7', AT) }],
    [
      'deleted on both sides',
      /^equal: Equal: deleted at the source and in HQ, as version 7/,
      { source: source({ kind: 'absent' }, DELETED), hq: inHq('7', AT) },
    ],
    [
      'a delete that HQ lacks',
      /^behind: .*deleted it as version 7, HQ has version 6/,
      { source: source({ kind: 'absent' }, DELETED), hq: inHq('6') },
    ],
    [
      'a delete of the same version that HQ lacks',
      /^different: /,
      { source: source({ kind: 'absent' }, DELETED), hq: inHq('7') },
    ],
    [
      'in HQ alone',
      /^only in HQ: Only in HQ: HQ has version 7, the source/,
      { source: source({ kind: 'absent' }), hq: inHq('7') },
    ],
    [
      'at the source alone, with nothing under way',
      /^only at the source: .* a reconciliation of its dataset finds it/,
      { source: source(found('7')), hq: inHq(undefined) },
    ],
    [
      'to be sent once more',
      /^waiting: The source has it, HQ does not have it\. It is to be sent once more \(replay\)/,
      {
        dataset: RUNS,
        source: source(found(null), { resendReason: 'replay' }),
        hq: inHq(undefined),
      },
    ],
    [
      'perhaps in a part of the outbox that is not looked at',
      /^waiting: .*it may be among that/,
      {
        source: {
          ...source(found('7')),
          outbox: { entries: [], lookedBackTo: AT, mayMiss: true },
        },
        hq: inHq(undefined),
      },
    ],
    [
      'deleted before HQ had it',
      /^nowhere: Nowhere: the source has deleted it/,
      { source: source({ kind: 'absent' }, DELETED), hq: inHq(undefined) },
    ],
    [
      'of a dataset that is not bound',
      /^not known: HQ has version 7; .* not bound/,
      { source: source({ kind: 'not bound' }), hq: inHq('7') },
    ],
    [
      'not looked for',
      /^not known: HQ has version 7; at the source it was not looked for: why\./,
      { source: source({ kind: 'not looked for', why: 'why' }), hq: inHq('7') },
    ],
  ])('%s', (_, expected, facts) => {
    expect(judge(facts)).toMatch(expected)
  })

  test('one side that cannot be asked leaves what the other knows', () => {
    expect(judge({ source: source(found('7')) }, 'HQ does not answer')).toBe(
      'not known: The source has version 7; HQ does not answer.',
    )
    expect(judge({ hq: inHq('7') }, 'it is not connected')).toBe(
      'not known: HQ has version 7; it is not connected.',
    )
    expect(judge({}, 'nobody answers')).toBe(
      'not known: Neither side can be asked; nobody answers.',
    )
  })
})
