/**
 * Rows of one dataset as they go on the wire: elements of the envelope's `rows`, separated by
 * commas, in UTF-8.
 */
export interface WireRows {
  /** Number of the dataset in the contract. */
  readonly dataset: number
  readonly rowCount: number
  readonly text: Buffer
  /** UTC day on which all of them were captured; absent where they are not of the outbox. */
  readonly day?: string
}

/** Bytes of one piece; a larger row is a piece of its own. */
const PIECE_BYTES = 64 * 1024
const COMMA = 0x2c

/** A piece that is being filled. */
interface Piece {
  rowCount: number
  readonly bytes: Buffer
  size: number
}

/** Gathers rows as they arrive, in their order, in pieces with memory of their own. */
export class WirePieces {
  readonly #day: string
  readonly #open = new Map<number, Piece>()
  readonly #full: WireRows[] = []

  /** @param day UTC day on which all rows were captured. */
  constructor(day: string) {
    this.#day = day
  }

  /** Copies a row of a dataset, which stands between `at` and `end`. */
  add(dataset: number, from: Buffer, at: number, end: number): void {
    const piece = this.#pieceFor(dataset, end - at)
    if (piece.rowCount > 0) piece.bytes[piece.size++] = COMMA
    piece.size += from.copy(piece.bytes, piece.size, at, end)
    piece.rowCount++
  }

  /** All of them. */
  end(): WireRows[] {
    for (const [dataset, piece] of this.#open) this.#full.push(this.#wireRowsOf(dataset, piece))
    this.#open.clear()
    return this.#full
  }

  #wireRowsOf(dataset: number, { rowCount, bytes, size }: Piece): WireRows {
    return { dataset, rowCount, text: bytes.subarray(0, size), day: this.#day }
  }

  #pieceFor(dataset: number, rowBytes: number): Piece {
    const open = this.#open.get(dataset)
    if (open !== undefined) {
      if (open.size + 1 + rowBytes <= open.bytes.length) return open
      this.#full.push(this.#wireRowsOf(dataset, open))
    }
    const bytes = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, rowBytes))
    const piece: Piece = { rowCount: 0, bytes, size: 0 }
    this.#open.set(dataset, piece)
    return piece
  }
}
