import { expect, test } from 'vitest'
import { indent } from './layout.ts'

test('SQL moves to the right line by line', () => {
  expect(indent(`select a\n\nfrom t -- it's\nwhere b`)).toBe(
    `  select a\n\n  from t -- it's\n  where b`,
  )
})

test.each([
  `'a\nb'`,
  `'it''s\nhere'`,
  `e'it\\'s\nhere'`,
  `"a\nb"`,
  `$$a\nb$$`,
  `$x$it's\nb$x$`,
  `/* it's\nb */`,
])('a line break of a binding is no layout: %j', (text) => {
  expect(indent(`${text},\n${text}`)).toBe(`  ${text},\n  ${text}`)
})
