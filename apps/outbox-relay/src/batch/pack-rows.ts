import { type WireDataset, wireDataset } from '@hq-export/contract'
import type { WireRows } from '../outbox/wire-rows.ts'
import type { PackedRows } from './seal-batch.ts'

/** Bytes of one POST; a batch may exceed it by a page. */
export const MAX_BATCH_BYTES = 2 * 1024 * 1024

/** When a batch is full. Whole pieces are packed, so a batch may exceed a limit by one page. */
export interface BatchLimits {
  readonly maxRows: number
  readonly maxBytes: number
}

interface Pack {
  readonly dataset: WireDataset
  readonly texts: Buffer[]
  rowCount: number
  bytes: number
}

/** Gathers the rows of a window into packs of one dataset each. */
export class RowPacker {
  readonly #limits: BatchLimits
  readonly #packs = new Map<number, Pack>()

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  /** Takes rows of one dataset; returns a pack where they made one full. */
  add({ dataset, rowCount, text }: WireRows): PackedRows | undefined {
    let pack = this.#packs.get(dataset)
    if (pack === undefined) {
      pack = { dataset: wireDataset(dataset), texts: [], rowCount: 0, bytes: 0 }
      this.#packs.set(dataset, pack)
    }
    pack.texts.push(text)
    pack.rowCount += rowCount
    pack.bytes += text.length
    const isFull = pack.rowCount >= this.#limits.maxRows || pack.bytes >= this.#limits.maxBytes
    if (!isFull) return undefined
    this.#packs.delete(dataset)
    return pack
  }

  /** Hands out what is left at the end of a window. */
  flush(): PackedRows[] {
    const packs = [...this.#packs.values()]
    this.#packs.clear()
    return packs
  }
}
