import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseMasterKey } from './master-key.ts'
import { openSecret, sealSecret } from './seal-secret.ts'

const createMasterKey = () => parseMasterKey(randomBytes(32).toString('base64'))
const MASTER_KEY = createMasterKey()
const OWNER = { id: 'abcdef012345', source: 'data-engine-x' }
const SECRET = `whsec_${randomBytes(32).toString('base64')}`

test('a sealed secret is opened by its master key, beside others', () => {
  const sealed = sealSecret(SECRET, OWNER, MASTER_KEY)
  expect(openSecret(sealed, OWNER, [createMasterKey(), MASTER_KEY])).toEqual({
    kind: 'opened',
    secret: SECRET,
  })
  expect(sealed.sealed.includes(SECRET)).toBe(false)
})

test('the same secret is sealed differently every time', () => {
  const [one, two] = [sealSecret(SECRET, OWNER, MASTER_KEY), sealSecret(SECRET, OWNER, MASTER_KEY)]
  expect(one.nonce.equals(two.nonce)).toBe(false)
  expect(one.sealed.equals(two.sealed)).toBe(false)
})

test.each([
  { name: 'another key', owner: { ...OWNER, id: 'ffffffffffff' } },
  { name: 'another source', owner: { ...OWNER, source: 'other' } },
])('a secret that was moved to $name does not open', ({ owner }) => {
  const sealed = sealSecret(SECRET, OWNER, MASTER_KEY)
  expect(openSecret(sealed, owner, [MASTER_KEY])).toEqual({ kind: 'not_authentic' })
})

test('a secret does not open after any bit of it was turned, or cut short', () => {
  const sealed = sealSecret(SECRET, OWNER, MASTER_KEY)
  for (const part of ['nonce', 'sealed'] as const) {
    for (let bit = 0; bit < sealed[part].length * 8; bit++) {
      const turned = Buffer.from(sealed[part])
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const opened = openSecret({ ...sealed, [part]: turned }, OWNER, [MASTER_KEY])
      expect(opened).toEqual({ kind: 'not_authentic' })
    }
  }
  for (const length of [0, 15, 16, sealed.sealed.length - 1]) {
    const cut = { ...sealed, sealed: sealed.sealed.subarray(0, length) }
    expect(openSecret(cut, OWNER, [MASTER_KEY])).toEqual({ kind: 'not_authentic' })
  }
})

test('without its master key a secret stays shut, and says so', () => {
  const sealed = sealSecret(SECRET, OWNER, MASTER_KEY)
  for (const masterKeys of [[], [createMasterKey()]]) {
    expect(openSecret(sealed, OWNER, masterKeys)).toEqual({ kind: 'no_master_key' })
  }
  // Even where the id was forged, the tag does not fit.
  const other = createMasterKey()
  const forged = { ...sealed, masterKeyId: other.id }
  expect(openSecret(forged, OWNER, [other])).toEqual({ kind: 'not_authentic' })
})
