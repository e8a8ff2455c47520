/** Keys that are remembered at most; what does not fit is sent as well, and HQ finds it stale. */
const MAX_KEYS = 200_000

/** A row, and the version of its key that was captured after a higher one. */
export interface Inversion {
  readonly seq: string
  readonly version: string
}

/** What a page's versions say. */
export interface ComparedVersions {
  /** `seq` of the rows that a newer version of their key makes unnecessary. */
  readonly superseded: readonly string[]
  /** Keys whose versions do not rise in the order of their capture. */
  readonly inversions: readonly Inversion[]
}

function doubled(values: BigInt64Array<ArrayBuffer>): BigInt64Array<ArrayBuffer> {
  const larger = new BigInt64Array(Math.min(values.length * 2, MAX_KEYS))
  larger.set(values)
  return larger
}

/**
 * Knows the newest version of each key that a window has shown so far, to leave out what it
 * supersedes. Bounded: it may miss a superseded row, and never names one that is not.
 *
 * Whoever writes a key waits for whoever wrote it before, so versions rise in the order of capture,
 * which is that of `seq`. Only an insert whose snapshot is older than the delete of its key breaks
 * that.
 */
export class NewestVersions {
  /** Place of each key, by its hash, in the two arrays. */
  readonly #places = new Map<string, number>()
  readonly #superseding = new Set<number>()
  #versions = new BigInt64Array(256)
  #seqs = new BigInt64Array(256)

  /** True if an older version of the key with this hash was named as superseded. */
  supersedes(hash: string): boolean {
    return this.#superseding.has(this.#places.get(hash) ?? -1)
  }

  /**
   * Takes the versions of a page, newest rows first.
   * @param versions `hash version seq`, separated by commas.
   */
  compare(versions: string): ComparedVersions {
    const superseded: string[] = []
    const inversions: Inversion[] = []
    for (const entry of versions.split(',')) {
      const versionAt = entry.indexOf(' ') + 1
      const seqAt = entry.indexOf(' ', versionAt) + 1
      const key = entry.slice(0, versionAt - 1)
      const version = BigInt(entry.slice(versionAt, seqAt - 1))
      const seqText = entry.slice(seqAt)
      const seq = BigInt(seqText)
      const place = this.#places.get(key)
      if (place === undefined) {
        this.#add(key, version, seq)
        continue
      }
      const newest = this.#versions[place] ?? 0n
      const newestSeq = this.#seqs[place] ?? 0n
      // Transactions end in another order than they begin, so newest first holds for most rows and
      // not for all.
      const isSuperseded = version <= newest
      if (isSuperseded !== seq < newestSeq) {
        inversions.push({ seq: seqText, version: String(isSuperseded ? version : newest) })
      }
      if (isSuperseded) {
        superseded.push(seqText)
        this.#superseding.add(place)
      } else this.#set(place, version, seq)
    }
    return { superseded, inversions }
  }

  #add(key: string, version: bigint, seq: bigint): void {
    const place = this.#places.size
    if (place === MAX_KEYS) return
    if (place === this.#versions.length) {
      this.#versions = doubled(this.#versions)
      this.#seqs = doubled(this.#seqs)
    }
    this.#places.set(key, place)
    this.#set(place, version, seq)
  }

  #set(place: number, version: bigint, seq: bigint): void {
    this.#versions[place] = version
    this.#seqs[place] = seq
  }
}
