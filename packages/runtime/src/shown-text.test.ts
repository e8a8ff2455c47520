import { expect, test } from 'vitest'
import { shownText } from './shown-text.ts'

test('what a terminal would obey is shown as an escape, and every other character as it is', () => {
  const text = 'a\u001b[31m\u009b0m\u202e\u2028\u0007\n'
  expect(shownText(text)).toBe('a\\u{1b}[31m\\u{9b}0m\\u{202e}\\u{2028}\\u{7}\\u{a}')
  const plain = 'äöü 日本語 \u{1f680} "quoted" \\ /'
  expect(shownText(plain)).toBe(plain)
})
