/** Rows of one kind, of which so many ended in one way. */
export interface Ended {
  readonly count: number
  readonly of: number
  /** Share of them that usually does; neither 0 nor 1. */
  readonly usual: number
}

/**
 * How much likelier rows of several kinds become when one share of those that would have ended
 * otherwise is taken to have ended in this way, too: the gain in log-likelihood against the usual,
 * 0 where no more ended so than usual. Wholes of several kinds compare by it, and what failed comes
 * first: it gains by each of its kinds, also by those that seldom end so, while a whole that only
 * shares one of them loses by its others, which ended as usual.
 */
export function outageEvidence(kinds: readonly Ended[]): number {
  const sum = (of: (kind: Ended) => number) => kinds.reduce((total, kind) => total + of(kind), 0)
  const expected = sum(({ of, usual }) => of * usual)
  const others = sum(({ of }) => of) - expected
  const share = (sum(({ count }) => count) - expected) / others
  if (!(share > 0)) return 0
  return sum(({ count, of, usual }) => {
    const now = usual + share * (1 - usual)
    const ended = count === 0 ? 0 : count * Math.log(now / usual)
    return count === of ? ended : ended + (of - count) * Math.log(1 - share)
  })
}
