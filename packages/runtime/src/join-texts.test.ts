import { expect, test } from 'vitest'
import { joinTexts } from './join-texts.ts'

test('texts stand one behind the other, in UTF-8', () => {
  expect(joinTexts(['Grüße', '', '𝄞', ' an HQ'])).toEqual(Buffer.from('Grüße𝄞 an HQ'))
  expect(joinTexts([])).toHaveLength(0)
})

test('their memory is their own, however short they are', () => {
  expect(joinTexts(['short']).buffer.byteLength).toBe(5)
})
