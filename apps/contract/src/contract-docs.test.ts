import { existsSync, readFileSync } from 'node:fs'
import {
  BATCH_CONTENT_TYPE,
  BATCHES_PATH,
  CONTENT_ENCODINGS,
  DATASETS,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  LIMITS,
  OUTCOMES,
  PREFER,
  PROBLEMS,
  parseSigningKey,
  RECONCILIATIONS_PATH,
  ROW_CODES,
  sign,
  TRACEPARENT,
  WEBHOOK_ID,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import { renderDatasetTables } from './generate/dataset-tables.ts'
import { replaceGeneratedSection } from './generate/generated-section.ts'
import { RULES } from './rules/rules.ts'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const protocol = read('docs/PROTOCOL.md')

/** The text under a heading, down to the next one. */
function section(document: string, heading: string): string {
  const [, text] = document.split(new RegExp(`^#+ ${heading}$`, 'm'))
  if (text === undefined) throw new Error(`no heading ${heading}`)
  return text.split(/^#+ /m)[0] ?? ''
}

/** Rows of the first table under a heading, without code marks. */
function table(document: string, heading: string): string[][] {
  const lines = section(document, heading).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

/** Code blocks under a heading. */
function codeBlocks(document: string, heading: string): string[] {
  return [...section(document, heading).matchAll(/^```\w*\n(.*?)\n```$/gms)].map(
    ([, code]) => code ?? '',
  )
}

describe('docs/EXPORT_CONTRACT_V1.md', () => {
  const contract = read('docs/EXPORT_CONTRACT_V1.md')

  it('has the tables of the descriptors', () => {
    expect(contract).toBe(replaceGeneratedSection(contract, renderDatasetTables(DATASETS)))
  })

  it('is approved and frozen for Phase 1', () => {
    expect(contract).toContain('**Status: approved and frozen for Phase 1.**')
  })

  // One for each section of the requirement.
  it.each([
    'Purpose',
    'Scope',
    'Principles',
    'Datasets',
    'Keys',
    'Write semantics',
    'Partitioning',
    'Cadence',
    'Backfill',
    'Data quality and reconciliation',
    'Failure handling',
    'Governance',
    'Security and tenancy',
    'Phase 1 acceptance',
    'Out of scope for Phase 1',
  ])('says something about: %s', (heading) => {
    expect(section(contract, heading).trim()).not.toBe('')
  })

  it('keeps the deprecation window of two release cycles', () => {
    expect(section(contract, 'Governance')).toContain('at least **2 release cycles**')
  })

  it('says of every rule of the check what it holds, and of none that there is not', () => {
    const text = section(contract, 'Who enforces it')
    const named = Array.from(text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g), ([, rule]) => rule)
    expect(named.toSorted()).toEqual(Object.keys(RULES).sort())
  })
})

describe('docs/PROTOCOL.md', () => {
  it('has the headers of a request', () => {
    expect(table(protocol, 'Request').map(([header]) => header)).toEqual([
      'content-type',
      'content-encoding',
      WEBHOOK_ID,
      WEBHOOK_TIMESTAMP,
      WEBHOOK_SIGNATURE,
      PREFER,
      TRACEPARENT,
    ])
    expect(section(protocol, 'Request')).toContain(`\`POST ${BATCHES_PATH}\``)
    for (const encoding of CONTENT_ENCODINGS) {
      expect(section(protocol, 'Request')).toContain(`\`${encoding}\``)
    }
  })

  it('has an example that is signed as we sign', () => {
    const [secret = '', request = ''] = codeBlocks(protocol, 'A signature to compare with')
    const [script = ''] = codeBlocks(protocol, 'A worked example')
    const [, body = ''] = /^printf '%s' '(.+)' > batch\.json$/m.exec(script) ?? []
    const [line, ...lines] = request.split('\n')
    const headers = Object.fromEntries(lines.map((header) => header.split(': ')))
    const { [WEBHOOK_ID]: id, [WEBHOOK_TIMESTAMP]: timestamp } = headers
    const content = { id, timestamp: Number(timestamp), body: Buffer.from(body) }
    expect(line).toBe(`POST ${BATCHES_PATH}`)
    expect(headers).toEqual({
      'content-type': BATCH_CONTENT_TYPE,
      [WEBHOOK_ID]: id,
      [WEBHOOK_TIMESTAMP]: timestamp,
      [WEBHOOK_SIGNATURE]: sign(content, [parseSigningKey(secret)]),
    })
  })

  it('has the value of every column type', () => {
    const types = new Set<string>(
      DATASETS.flatMap(({ columns }) => columns.map(({ type }) => type)),
    )
    const documented = table(protocol, 'Values').map(([type]) => type)
    expect(documented).toEqual(expect.arrayContaining([...types]))
    expect(new Set(documented).size).toBe(documented.length)
  })

  it('has every outcome', () => {
    expect(table(protocol, 'Outcomes').map(([outcome, success]) => [outcome, success])).toEqual(
      OUTCOMES.map((outcome) => [outcome, outcome === 'quarantined' ? 'no' : 'yes']),
    )
  })

  it('has every row code', () => {
    expect(table(protocol, 'Row codes').map(([code]) => code)).toEqual([...ROW_CODES])
  })

  it('has every refusal, with what the producer does about it', () => {
    expect(table(protocol, 'Refusals')).toEqual(
      Object.entries(PROBLEMS).map(([code, { status, reaction, title }]) => [
        code,
        String(status),
        reaction,
        title,
      ]),
    )
  })

  it('has the paths that compare', () => {
    expect(table(protocol, 'Reconciliation').map(([path]) => path)).toEqual(
      [DIGESTS_PATH, DIGEST_ROWS_PATH, RECONCILIATIONS_PATH].map((path) => `POST ${path}`),
    )
  })

  it('has every limit', () => {
    expect(table(protocol, 'Limits').map(([, value]) => Number.parseInt(value ?? '', 10))).toEqual(
      Object.values(LIMITS),
    )
  })
})

describe('the invariants', () => {
  const entries = section(protocol, 'Invariants')
    .split(/^\*\*(?=I\d)/m)
    .slice(1)
    .map((text): [string, string[]] => [
      text.slice(0, 2),
      text.split('\n').filter((line) => line.startsWith('- ')),
    ])

  it('are I1 to I8', () => {
    expect(entries.map(([name]) => name)).toEqual(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8'])
  })

  it.each(entries)('%s names tests that exist', (_, lines) => {
    expect(lines).not.toEqual([])
    for (const line of lines) {
      const [, path = '', title = ''] = /^- `(.+?)`: (.+)$/.exec(line) ?? []
      expect(existsSync(new URL(path, root)) && path, line).toBe(path)
      expect(path, line).not.toBe('')
      expect(read(path)).toContain(title)
    }
  })
})
