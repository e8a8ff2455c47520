import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP } from '../wire/headers.ts'
import { sign } from './sign.ts'
import { parseSigningKey, parseVerificationKey } from './signing-key.ts'
import { verify } from './verify.ts'

// The official library signs and verifies text only, so a body without content-encoding.
const id = 'MCVzPNAdhyMxadPnQdv2PmKf3gutnwp1sdTy2KYIz7Q'
const text = '{"source":"data-engine-x","note":"Zürich ✓ 😀","rows":[]}'
const body = Buffer.from(text)
// The library verifies against the clock of the machine.
const nowMs = Date.now()
const timestamp = Math.floor(nowMs / 1000)

const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, bytes).toString('base64')}`

describe.each([24, 32, 64])(
  'the official Standard Webhooks library, secret of %i bytes',
  (bytes) => {
    const secret = secretOf(bytes)
    const library = new Webhook(secret)

    it('signs for us', () => {
      const signature = library.sign(id, new Date(timestamp * 1000), text)
      const input = { id, timestamp: String(timestamp), signature, body, nowMs }
      expect(verify(input, [{ key: parseVerificationKey(secret) }]).ok).toBe(true)
    })

    it('verifies what we sign, also while keys rotate', () => {
      const keys = [secretOf(40), secret].map(parseSigningKey)
      const headers = {
        [WEBHOOK_ID]: id,
        [WEBHOOK_TIMESTAMP]: String(timestamp),
        [WEBHOOK_SIGNATURE]: sign({ id, timestamp, body }, keys),
      }
      expect(library.verify(text, headers)).toEqual(JSON.parse(text))
      expect(() => library.verify(`${text} `, headers)).toThrow()
    })

    it('signs the same text as we do', () => {
      expect(sign({ id, timestamp, body }, [parseSigningKey(secret)])).toBe(
        library.sign(id, new Date(timestamp * 1000), text),
      )
    })
  },
)
