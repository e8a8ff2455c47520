import { expect, test } from 'vitest'
import { locateMembers, locateRows } from './row-text.ts'

function rowTexts(text: string): string[] {
  return locateRows(text).map(({ row: { start, end } }) => text.slice(start, end))
}

test('rows are cut out of the text exactly as they stand there', () => {
  const rows = ['{ "a" : 1.10 }', '{"b":"}],\\"{[","c":[{"row":{}}]}', '{}']
  const text =
    ` { "x": {"rows": [1]}, "rows" : [ {"row":${rows[0]} ,"xid":"1"},\n` +
    `{"xid":"2","row": ${rows[1]}}, {"row":${rows[2]}} ] , "y": [] } `
  expect(rowTexts(text)).toEqual(rows)
})

test('of members with the same name the last counts, as in JSON.parse', () => {
  const text = '{"rows":[{"row":{"first":1}}],"rows":[{"row":{"a":1},"row":{"b":2}}]}'
  expect(rowTexts(text)).toEqual(['{"b":2}'])
})

test('names are compared as what they mean', () => {
  expect(rowTexts('{"\\u0072ows":[{"ro\\u0077":{"a":1}}]}')).toEqual(['{"a":1}'])
})

test('members keep the text of every kind of value', () => {
  const values = [
    '-1.50e+10',
    'true',
    'null',
    '"\\\\"',
    '"a,}]"',
    '[1, [2]]',
    '{"x": "}"}',
    '12345678901234567890',
  ]
  const text = `{${values.map((value, i) => `"m${i}" : ${value}`).join(' , ')}}`
  const members = locateMembers(text, 0)
  expect([...members.values()].map(({ start, end }) => text.slice(start, end))).toEqual(values)
})

test('a million levels are no problem', () => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
  expect(rowTexts(`{"rows":[{"row":{"deep":${deep}}}]}`)).toEqual([`{"deep":${deep}}`])
})
