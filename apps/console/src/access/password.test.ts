import { expect, test } from 'vitest'
import { hashPassword, isPassword, parsePasswordHash } from './password.ts'

const CHEAP = { logN: 4, r: 1, p: 1 }

test('a hash is that of its password alone, and of another one each time', async () => {
  const [one, other] = [
    await hashPassword('correct horse', CHEAP),
    await hashPassword('correct horse', CHEAP),
  ]
  expect(one).not.toBe(other)
  const known = parsePasswordHash(one)
  if (known === undefined) throw new Error('what was printed is not read')
  expect(await isPassword('correct horse', known)).toBe(true)
  expect(await isPassword('correct horse ', known)).toBe(false)
  expect(await isPassword('', known)).toBe(false)
})

test('a letter with its accent apart is the same letter', async () => {
  const known = parsePasswordHash(await hashPassword('ca\u0301fe\u0301', CHEAP))
  expect(known !== undefined && (await isPassword('c\u00e1f\u00e9', known))).toBe(true)
})

const HASH = 'A'.repeat(43)
const SALT = 'A'.repeat(22)
test.each([
  ['plain text', 'secret'],
  ['another method', `bcrypt$16$8$2$${SALT}$${HASH}`],
  ['no cost', `scrypt$0$8$2$${SALT}$${HASH}`],
  ['more memory than a mistake may take', `scrypt$21$8$2$${SALT}$${HASH}`],
  ['a short salt', `scrypt$16$8$2$AAAA$${HASH}`],
  ['a short hash', `scrypt$16$8$2$${SALT}$AAAA`],
])('is no hash: %s', (_, text) => {
  expect(parsePasswordHash(text)).toBeUndefined()
})
