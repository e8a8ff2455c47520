import { hash } from 'node:crypto'
import type { WireDataset } from '@hq-export/contract'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import { joinTexts } from '@hq-export/runtime/join-texts.ts'
import type { Batch } from './batch.ts'

/** What every batch of a relay says about where it comes from. */
export interface Origin {
  readonly source: string
  readonly epoch: string
}

/**
 * Wire rows of one dataset, ready to be sealed: `texts` are elements of the envelope's `rows`, each
 * one or several; text, or its bytes.
 */
export interface PackedRows {
  readonly dataset: WireDataset
  readonly rowCount: number
  readonly texts: readonly (string | Buffer)[]
}

/**
 * Makes the batch of these rows: its bytes, and the id that follows from them. The rows go in as
 * the source wrote them: parsing them here would damage numbers. Texts that came as bytes are given
 * back.
 */
export function sealBatch({ dataset, rowCount, texts }: PackedRows, origin: Origin): Batch {
  const head = JSON.stringify({
    source: origin.source,
    dataset: dataset.name,
    schema_version: dataset.schemaVersion,
    epoch: origin.epoch,
  })
  const rows = texts.flatMap((text, index) => (index === 0 ? [text] : [',', text]))
  const body = joinTexts([`${head.slice(0, -1)},"rows":[`, ...rows, ']}'])
  for (const text of texts) if (typeof text !== 'string') freeMemory(text)
  return { id: hash('sha256', body, 'base64url'), dataset, rowCount, body }
}
