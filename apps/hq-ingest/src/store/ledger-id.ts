import { hash } from 'node:crypto'
import type { IngestKey } from '../keys/ingest-key.ts'

const SCOPE_LENGTH = 16

/**
 * How the ledger knows a batch: by its webhook-id, in the scope of its source and of the orgs that
 * its key may write. Two keys of one source that write for different orgs could otherwise take ids
 * from one another, and get one another's answers (I7). A rotated key has the terms of the old one,
 * and so finds its batches.
 */
export function ledgerId(id: string, { orgs }: Pick<IngestKey, 'orgs'>): string {
  if (orgs === undefined) return id
  // A webhook-id has no dot.
  return `${id}.${hash('sha256', [...orgs].sort().join()).slice(0, SCOPE_LENGTH)}`
}
