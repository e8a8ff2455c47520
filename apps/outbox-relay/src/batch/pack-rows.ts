import { type WireDataset, wireDataset } from '@hq-export/contract'
import type { WireRows } from '../outbox/wire-rows.ts'

/** Bytes of one POST; a batch may exceed it by a page. */
export const MAX_BATCH_BYTES = 2 * 1024 * 1024

/** When a batch is full. Whole pieces are packed, so a batch may exceed a limit by one page. */
export interface BatchLimits {
  readonly maxRows: number
  readonly maxBytes: number
}

/** Rows of one dataset that were captured on one day, where they come from the outbox. */
export interface Pack {
  readonly dataset: WireDataset
  readonly texts: Buffer[]
  readonly day: string | undefined
  rowCount: number
  bytes: number
}

/** Gathers the rows of a window into packs of one dataset and one day each. */
export class RowPacker {
  readonly #limits: BatchLimits
  readonly #packs = new Map<string, Pack>()

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  /** Takes rows of one dataset; returns a pack where they made one full. */
  add({ dataset, rowCount, text, day }: WireRows): Pack | undefined {
    const key = `${dataset} ${day}`
    let pack = this.#packs.get(key)
    if (pack === undefined) {
      pack = { dataset: wireDataset(dataset), texts: [], day, rowCount: 0, bytes: 0 }
      this.#packs.set(key, pack)
    }
    pack.texts.push(text)
    pack.rowCount += rowCount
    pack.bytes += text.length
    const isFull = pack.rowCount >= this.#limits.maxRows || pack.bytes >= this.#limits.maxBytes
    if (!isFull) return undefined
    this.#packs.delete(key)
    return pack
  }

  /** Hands out what is left at the end of a window. */
  flush(): Pack[] {
    const packs = [...this.#packs.values()]
    this.#packs.clear()
    return packs
  }
}
