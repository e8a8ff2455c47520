import { type Dataset, datasetByNumber } from '@hq-export/contract'
import type { OutboxRow } from '../outbox/outbox-row.ts'

/** When a batch is full. One row may exceed the bytes alone; HQ then says whether it takes it. */
export interface BatchLimits {
  readonly maxRows: number
  /** UTF-16 units of row bodies, which for the texts at hand is close to bytes. */
  readonly maxUnits: number
}

/** Rows of one dataset, ready to be sealed. */
export interface PackedRows {
  readonly dataset: Dataset
  readonly rows: readonly OutboxRow[]
}

interface Pack {
  readonly dataset: Dataset
  /** By key for snapshots, where only the newest version of a key travels; by position for append-only datasets. */
  readonly rows: Map<string | number, OutboxRow>
  units: number
}

function isNewer(row: OutboxRow, other: OutboxRow): boolean {
  return BigInt(row.version ?? 0) > BigInt(other.version ?? 0)
}

/** Sorts the rows of a window into packs of one dataset each. */
export class RowPacker {
  readonly #limits: BatchLimits
  readonly #packs = new Map<number, Pack>()

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  /** Takes one row; returns a pack where it made one full. */
  add(row: OutboxRow): PackedRows | undefined {
    const pack = this.#packs.get(row.dataset) ?? this.#open(row.dataset)
    const isSnapshot = pack.dataset.semantics === 'upsert' && row.key !== null
    const slot = isSnapshot && row.key !== null ? row.key : pack.rows.size
    const other = isSnapshot ? pack.rows.get(slot) : undefined
    if (other !== undefined && !isNewer(row, other)) return undefined

    pack.rows.set(slot, row)
    pack.units += (row.body?.length ?? 0) - (other?.body?.length ?? 0)
    const isFull = pack.rows.size >= this.#limits.maxRows || pack.units >= this.#limits.maxUnits
    return isFull ? this.#close(row.dataset, pack) : undefined
  }

  /** Hands out what is left at the end of a window. */
  flush(): PackedRows[] {
    return [...this.#packs].map(([number, pack]) => this.#close(number, pack))
  }

  #open(number: number): Pack {
    const pack: Pack = { dataset: datasetByNumber(number), rows: new Map(), units: 0 }
    this.#packs.set(number, pack)
    return pack
  }

  #close(number: number, pack: Pack): PackedRows {
    this.#packs.delete(number)
    return { dataset: pack.dataset, rows: [...pack.rows.values()] }
  }
}
