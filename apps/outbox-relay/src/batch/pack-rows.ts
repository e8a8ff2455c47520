import { type WireDataset, wireDataset } from '@hq-export/contract'
import type { WireRows } from '../outbox/read-page.ts'
import type { PackedRows } from './seal-batch.ts'

/** UTF-16 units of one POST; a batch may exceed it by a page. */
export const MAX_BATCH_UNITS = 2 * 1024 * 1024

/** When a batch is full. Whole pieces are packed, so a batch may exceed a limit by one page. */
export interface BatchLimits {
  readonly maxRows: number
  /** UTF-16 units of text, which for the texts at hand is close to bytes. */
  readonly maxUnits: number
}

interface Pack {
  readonly dataset: WireDataset
  readonly texts: string[]
  rowCount: number
  units: number
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
      pack = { dataset: wireDataset(dataset), texts: [], rowCount: 0, units: 0 }
      this.#packs.set(dataset, pack)
    }
    pack.texts.push(text)
    pack.rowCount += rowCount
    pack.units += text.length
    const isFull = pack.rowCount >= this.#limits.maxRows || pack.units >= this.#limits.maxUnits
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
