import { advance, type ChunkResult, type PassProgress } from './progress.ts'

/** A chunk that was read, in its place among the others. */
interface Place {
  result: ChunkResult | undefined
}

/**
 * Chunks are delivered several at once and settle in any order; the checkpoint moves only over
 * chunks that are settled together with all before them, so that whoever goes on from it leaves
 * nothing out.
 */
export class Checkpoint {
  readonly #places: Place[] = []
  #progress: PassProgress

  constructor(progress: PassProgress) {
    this.#progress = progress
  }

  /** The pass up to the checkpoint. */
  get progress(): PassProgress {
    return this.#progress
  }

  /**
   * Takes the next chunk of the pass; call in the order in which they were read. @returns settles
   * it.
   */
  begin(): (result: ChunkResult) => void {
    const place: Place = { result: undefined }
    this.#places.push(place)
    return (result) => {
      place.result = result
      while (this.#places[0]?.result !== undefined) {
        this.#progress = advance(this.#progress, this.#places[0].result)
        this.#places.shift()
      }
    }
  }

  /** Nothing is left to read, and everything that was is settled. */
  finish(): void {
    if (this.#places.length > 0) throw new Error('a pass ends when every chunk of it is settled')
    this.#progress = { ...this.#progress, isDone: true }
  }
}
