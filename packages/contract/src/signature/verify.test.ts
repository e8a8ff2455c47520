import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sign } from './sign.ts'
import { parseSigningKey, parseVerificationKey } from './signing-key.ts'
import { type VerifyFailure, type VerifyInput, verify } from './verify.ts'

interface SignatureVector {
  readonly name: string
  readonly id: string
  readonly timestamp: string | null
  readonly body_utf8?: string
  readonly body_base64?: string
  readonly sign_with?: readonly string[]
  readonly signature: string | null
  readonly verify_with: readonly string[]
  readonly now: number
  readonly expect:
    | { readonly ok: true; readonly key: string }
    | { readonly ok: false; readonly failure: VerifyFailure }
}

const {
  keys,
  vectors,
}: {
  readonly keys: Readonly<Record<string, { readonly sign: string; readonly verify: string }>>
  readonly vectors: readonly SignatureVector[]
} = JSON.parse(readFileSync(new URL('../../vectors/signature.json', import.meta.url), 'utf8'))

function keyNamed(name: string) {
  const key = keys[name]
  if (key === undefined) throw new Error(`the vectors have no key ${name}`)
  return key
}

function bodyOf({ body_utf8, body_base64 }: SignatureVector): Buffer {
  return body_base64 === undefined
    ? Buffer.from(body_utf8 ?? '', 'utf8')
    : Buffer.from(body_base64, 'base64')
}

const candidate = (name: string) => ({ name, key: parseVerificationKey(keyNamed(name).verify) })

function inputOf(vector: SignatureVector): VerifyInput {
  return {
    id: vector.id,
    timestamp: vector.timestamp ?? undefined,
    signature: vector.signature ?? undefined,
    body: bodyOf(vector),
    nowMs: vector.now * 1000,
  }
}

describe.each(vectors.map((vector): [string, SignatureVector] => [vector.name, vector]))(
  'vector: %s',
  (_, vector) => {
    it(vector.expect.ok ? 'verifies' : `is refused: ${vector.expect.failure}`, () => {
      const result = verify(inputOf(vector), vector.verify_with.map(candidate))
      expect(result.ok ? { ok: true, key: result.key.name } : result).toEqual(vector.expect)
    })

    if (vector.sign_with !== undefined) {
      it('is what we sign', () => {
        const signingKeys = (vector.sign_with ?? []).map((name) =>
          parseSigningKey(keyNamed(name).sign),
        )
        const timestamp = Number(vector.timestamp)
        expect(sign({ id: vector.id, timestamp, body: bodyOf(vector) }, signingKeys)).toBe(
          vector.signature,
        )
      })
    }
  },
)

describe('verification', () => {
  const [worked] = vectors
  if (worked === undefined) throw new Error('there are no vectors')
  const input = inputOf(worked)
  const known = worked.verify_with.map(candidate)

  it('refuses a body with any single bit turned', () => {
    for (let bit = 0; bit < input.body.length * 8; bit++) {
      const body = Buffer.from(input.body)
      body[bit >> 3] = (body[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(verify({ ...input, body }, known).ok).toBe(false)
    }
  })

  it('refuses a signature with any single bit turned', () => {
    for (const name of ['hmac-32', 'ed25519']) {
      const signed = sign({ id: input.id, timestamp: worked.now, body: input.body }, [
        parseSigningKey(keyNamed(name).sign),
      ])
      const [version, encoded] = signed.split(',')
      const bytes = Buffer.from(encoded ?? '', 'base64')
      expect(verify({ ...input, signature: signed }, [candidate(name)]).ok).toBe(true)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const turned = Buffer.from(bytes)
        turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const signature = `${version},${turned.toString('base64')}`
        expect(verify({ ...input, signature }, [candidate(name)]).ok).toBe(false)
      }
    }
  })

  it('counts time in whole seconds, as the official libraries do', () => {
    expect(verify({ ...input, nowMs: (worked.now + 300) * 1000 + 999 }, known).ok).toBe(true)
    expect(verify({ ...input, nowMs: (worked.now + 301) * 1000 }, known).ok).toBe(false)
    expect(verify({ ...input, nowMs: (worked.now - 300) * 1000 }, known).ok).toBe(true)
    expect(verify({ ...input, nowMs: (worked.now - 300) * 1000 - 1 }, known).ok).toBe(false)
  })

  it.each([
    ['empty', ''],
    ['with a dot', 'a.b'],
    ['with a slash', 'a/b'],
    ['of 129 characters', 'a'.repeat(129)],
    ['with a line break', 'a\n'],
  ])('refuses an id that is %s, however it is signed', (_, id) => {
    const key = parseSigningKey(keyNamed('hmac-32').sign)
    const signature = sign({ id, timestamp: worked.now, body: input.body }, [key])
    expect(verify({ ...input, id, signature }, known)).toEqual({
      ok: false,
      failure: 'signature_mismatch',
    })
  })

  it('reads a body from any kind of byte array', () => {
    const padded = new Uint8Array(input.body.length + 2)
    padded.set(input.body, 1)
    expect(verify({ ...input, body: padded.subarray(1, -1) }, known).ok).toBe(true)
  })
})
