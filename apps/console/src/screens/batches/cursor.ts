import { isInstant } from '../../page/is-instant.ts'
import { isLookable } from '../../page/is-lookable.ts'

/** Where a page of batches begins: below this batch, in the order newest first. */
export interface BatchPlace {
  /** ISO 8601, UTC, microseconds. */
  readonly receivedAt: string
  readonly source: string
  readonly batch: string
}

/** As an address carries it. */
export function formatPlace({ receivedAt, source, batch }: BatchPlace): string {
  return [receivedAt, source, batch].map(encodeURIComponent).join('|')
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined // a lone per cent sign
  }
}

/** @returns undefined where it is none. */
export function parsePlace(text: string): BatchPlace | undefined {
  const [receivedAt, source, batch, ...more] = text.split('|').map(decode)
  if (receivedAt === undefined || source === undefined || batch === undefined) return undefined
  const isPlace = isInstant(receivedAt) && isLookable(source) && isLookable(batch)
  return isPlace && more.length === 0 ? { receivedAt, source, batch } : undefined
}
