import { createHmac, sign as cryptoSign } from 'node:crypto'
import type { SigningKey } from './signing-key.ts'

/** What is signed: `id.timestamp.` in UTF-8, then the bytes that go on the wire, untouched. */
export interface SignedContent {
  readonly id: string
  /** Seconds since the epoch, of this attempt. */
  readonly timestamp: number
  /** Body after `content-encoding`. */
  readonly body: Uint8Array
}

/** The prefix of the signed content (Standard Webhooks, "Signature scheme"). */
export function signedPrefix(id: string, timestamp: number | string): Buffer {
  return Buffer.from(`${id}.${timestamp}.`, 'utf8')
}

/**
 * Value of `webhook-signature`: one signature per key, so that keys can overlap while they rotate.
 */
export function sign(content: SignedContent, keys: readonly SigningKey[]): string {
  const prefix = signedPrefix(content.id, content.timestamp)
  return keys
    .map((key) => {
      switch (key.kind) {
        case 'hmac': {
          const mac = createHmac('sha256', key.secret).update(prefix).update(content.body)
          return `v1,${mac.digest('base64')}`
        }
        case 'ed25519': {
          const signature = cryptoSign(null, Buffer.concat([prefix, content.body]), key.privateKey)
          return `v1a,${signature.toString('base64')}`
        }
        default:
          return key satisfies never
      }
    })
    .join(' ')
}
