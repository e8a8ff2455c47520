import { describe, expect, it } from 'vitest'
import { sign } from './sign.ts'
import { KeyFormatError, parseSigningKey, parseVerificationKey } from './signing-key.ts'
import { verify } from './verify.ts'

// RFC 8032, 7.1, test 1.
const SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
const PUBLIC = Buffer.from(
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  'hex',
)

const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`
const whsk = (...parts: Buffer[]) => `whsk_${Buffer.concat(parts).toString('base64')}`
const whpk = (bytes: Buffer) => `whpk_${bytes.toString('base64')}`

describe('a signing key', () => {
  it.each([24, 25, 32, 63, 64])('may be an HMAC secret of %i bytes', (bytes) => {
    const key = parseSigningKey(whsec(bytes))
    expect(key.kind === 'hmac' && key.secret.length).toBe(bytes)
  })

  it('may be an ed25519 seed, with or without its public key', () => {
    const content = { id: 'a', timestamp: 0, body: Buffer.alloc(0) }
    const signature = sign(content, [parseSigningKey(whsk(SEED))])
    expect(sign(content, [parseSigningKey(whsk(SEED, PUBLIC))])).toBe(signature)
  })
})

describe('a verification key', () => {
  it.each([24, 64])('may be an HMAC secret of %i bytes', (bytes) => {
    expect(parseVerificationKey(whsec(bytes)).kind).toBe('hmac')
  })

  it('may be an ed25519 public key', () => {
    expect(parseVerificationKey(whpk(PUBLIC)).kind).toBe('ed25519')
  })

  it('verifies nothing, and breaks nothing, when its bytes are no point of the curve', () => {
    const input = {
      id: 'a',
      timestamp: '0',
      signature: `v1a,${Buffer.alloc(64, 7).toString('base64')}`,
      body: Buffer.alloc(0),
      nowMs: 0,
    }
    for (const fill of [0x00, 0x02, 0x7f, 0xff]) {
      const key = parseVerificationKey(whpk(Buffer.alloc(32, fill)))
      expect(verify(input, [{ key }]).ok).toBe(false)
    }
  })
})

const SECRET = 'TOPSECRETTOPSECRETTOPSECRETTOPSECRET'

describe('a text that is no key', () => {
  it.each([
    ['nothing', ''],
    ['no prefix', SECRET],
    ['another prefix', `whxx_${SECRET}`],
    ['a prefix in capitals', `WHSEC_${SECRET}`],
    ['a space in front', ` whsec_${SECRET}`],
    ['a line break behind', `whsec_${SECRET}\n`],
    ['only a prefix', 'whsec_'],
    ['no base64', `whsec_${SECRET}!!!!`],
    ['base64url', `whsec_${SECRET}-_-_`],
    ['base64 without padding', `whsec_${SECRET}A`],
    ['a secret of 23 bytes', whsec(23)],
    ['a secret of 65 bytes', whsec(65)],
    ['an ed25519 key of 31 bytes', whsk(SEED.subarray(1))],
    ['an ed25519 key of 33 bytes', whsk(SEED, PUBLIC.subarray(31))],
    ['an expanded ed25519 key', whsk(SEED, SEED)],
    ['two keys', `${whsec(32)} ${whsec(32)}`],
  ])('is refused as a signing key: %s', (_, text) => {
    expect(() => parseSigningKey(text)).toThrow(KeyFormatError)
  })

  it.each([
    ['nothing', ''],
    ['a secret of 23 bytes', whsec(23)],
    ['a secret of 65 bytes', whsec(65)],
    ['an ed25519 public key of 31 bytes', whpk(PUBLIC.subarray(1))],
    ['an ed25519 public key of 33 bytes', whpk(Buffer.concat([PUBLIC, PUBLIC.subarray(31)]))],
    ['the private key', whsk(SEED)],
    ['no base64', `whpk_${SECRET}!!!!`],
  ])('is refused as a verification key: %s', (_, text) => {
    expect(() => parseVerificationKey(text)).toThrow(KeyFormatError)
  })

  it('is named by its rule, never by what it holds', () => {
    const texts = ['', 'whsec_', 'whsk_', 'whpk_', ' whsec_'].flatMap((prefix) => [
      `${prefix}${SECRET}`.slice(0, prefix.length + 28),
      `${prefix}${SECRET}!`,
      `${prefix}${SECRET.repeat(4)}`,
    ])
    for (const parse of [parseSigningKey, parseVerificationKey]) {
      for (const text of texts) {
        let thrown: unknown
        try {
          parse(text)
        } catch (error) {
          thrown = error
        }
        expect(thrown).toBeInstanceOf(KeyFormatError)
        const { message, stack, cause } = thrown as KeyFormatError
        expect(`${message} ${stack} ${cause}`).not.toContain('TOPSECRET')
        expect(message).toMatch(/^must /)
      }
    }
  })
})
