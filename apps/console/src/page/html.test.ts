import { expect, test } from 'vitest'
import { href } from './href.ts'
import { html } from './html.ts'
import { table } from './table.ts'
import { cappedCount, count, duration, moment } from './text.ts'

test('text of others is no markup, in content and in attributes', () => {
  const text = `"><img src=x onerror='alert(1)'></script>&`
  expect(`${html`<p title="${text}">${text}</p>`}`).toBe(
    '<p title="&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&lt;/script&gt;&amp;">' +
      '&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&lt;/script&gt;&amp;</p>',
  )
})

test.each([
  ['a NUL', 'a\u0000b', 'a\\u{0}b'],
  ['an override of the direction', 'a\u202eb', 'a\\u{202e}b'],
  ['an isolate', 'a\u2066b', 'a\\u{2066}b'],
  ['a separator of lines', 'a\u2028b', 'a\\u{2028}b'],
  ['a character of no width', 'a\u200bb', 'a\\u{200b}b'],
  ['half of a character', 'a\ud800b', 'a\ufffdb'],
])('%s is shown, and not obeyed', (_, text, shown) => {
  expect(`${html`${text}`}`).toBe(shown)
  expect(`${html`${[text]}`}`).toBe(shown)
})

test('markup of ours stays markup, however deep; what is not there is nothing', () => {
  const bold = html`<b>${'<'}</b>`
  expect(`${html`<p>${[bold, [bold, 1, 2n, undefined, null, false]]}</p>`}`).toBe(
    '<p><b>&lt;</b><b>&lt;</b>12</p>',
  )
})

test('text that says it is markup is text', () => {
  const pretender = JSON.parse('{"isEscaped":true,"text":"<b>"}')
  expect(`${html`${pretender.text}`}`).toBe('&lt;b&gt;')
  expect(`${html`${pretender}`}`).not.toContain('<b>')
})

test.each([
  [['refused', '../audit'], '/refused/..%2Faudit'],
  [['batches', '..', 'x'], '/batches/%252E%252E/x'],
  [['batches', '.', 'x'], '/batches/%252E/x'],
  [['help', 'javascript:alert(1)'], '/help/javascript%3Aalert(1)'],
  [['row', 'a?b#c'], '/row/a%3Fb%23c'],
  [['row', '\ud800'], '/row/%EF%BF%BD'],
])('no part of a path leaves its place: %j', (parts, expected) => {
  expect(href(parts)).toBe(expected)
  expect(new URL(href(parts), 'http://localhost').pathname).toBe(expected)
})

test('parameters are escaped, and left out where they have no value', () => {
  expect(href(['row'], { key: 'a&b=c #', org: undefined, page: 2, empty: '' })).toBe(
    '/row?key=a%26b%3Dc+%23&page=2',
  )
})

test('a row of a table is found by an id without markup or spaces', () => {
  const shown = table({
    id: 't',
    caption: 'All',
    columns: [{ title: 'Key', show: (row: string) => row }],
    rows: [`"><b> \ud800`],
    rowId: (row) => row,
    empty: 'none',
  })
  expect(`${shown}`).toContain('<tr id="t-%22%3E%3Cb%3E%20%EF%BF%BD">')
})

test('numbers, moments and lengths of time as people read them', () => {
  expect(count(1_234_567)).toBe('1,234,567')
  expect(count('9223372036854775807')).toBe('9,223,372,036,854,775,807')
  expect([cappedCount(1_000), cappedCount(1_001)]).toStrictEqual(['1,000', '1,000+'])
  expect([850, 3_200, 250_000, 183_600_000].map(duration)).toStrictEqual([
    '850 ms',
    '3.2 s',
    '4 min 10 s',
    '2 d 3 h',
  ])
  expect(`${moment('2026-11-28T06:12:04.123Z')}`).toContain('>2026-11-28 06:12:04</time>')
  expect(`${moment(null)}`).toContain('never')
})
