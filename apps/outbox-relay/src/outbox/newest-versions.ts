/** Keys that are remembered at most; what does not fit is sent as well, and HQ finds it stale. */
const MAX_KEYS = 200_000

/**
 * Knows the newest version of each key that a window has shown so far, to leave out what it supersedes. Bounded: it may miss a
 * superseded row, and never names one that is not.
 */
export class NewestVersions {
  readonly #newest = new Map<string, bigint>()

  /**
   * Takes the versions of a page, newest rows first.
   * @param versions `hash version seq`, separated by commas.
   * @returns `seq` of the rows that a newer version of their key makes unnecessary.
   */
  findSuperseded(versions: string): string[] {
    const superseded: string[] = []
    for (const entry of versions.split(',')) {
      const versionAt = entry.indexOf(' ') + 1
      const seqAt = entry.indexOf(' ', versionAt) + 1
      const key = entry.slice(0, versionAt - 1)
      const version = BigInt(entry.slice(versionAt, seqAt - 1))
      const newest = this.#newest.get(key)
      // Transactions end in another order than they begin, so newest first holds for most rows and not for all.
      if (newest !== undefined && version <= newest) superseded.push(entry.slice(seqAt))
      else if (newest !== undefined || this.#newest.size < MAX_KEYS) this.#newest.set(key, version)
    }
    return superseded
  }
}
