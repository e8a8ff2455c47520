/** Rows of one side, the newest first, one more than a page shows where there are more. */
export interface Newest<T> {
  readonly rows: readonly T[]
}

/** A page of rows of several sides, the newest first. */
export interface Merged<T> {
  readonly taken: readonly T[]
  /** How many rows of each side the page has used, in the order of the sides. */
  readonly used: readonly number[]
  /** Some rows are left for the next page. */
  readonly hasMore: boolean
}

/**
 * Puts pages of several sides together. A side that has no more rows at hand and was cut ends the
 * page, so that nothing is left out between two pages.
 * @param at when a row came: ISO 8601, UTC, as PostgreSQL prints it; compares as text.
 * @param limit of shown rows.
 * @param isShown false for a row that another one stands for: it is used, and not shown.
 */
export function mergeNewest<T>(
  sides: readonly Newest<T>[],
  at: (row: T) => string,
  limit: number,
  isShown: (row: T) => boolean = () => true,
): Merged<T> {
  const used = sides.map(() => 0)
  const taken: T[] = []
  const isCut = sides.map(({ rows }) => rows.length > limit)
  for (;;) {
    let next = -1
    for (const [side, { rows }] of sides.entries()) {
      const row = rows[used[side] ?? 0]
      const best = sides[next]?.rows[used[next] ?? 0]
      if (row !== undefined && (best === undefined || at(row) > at(best))) next = side
    }
    const row = sides[next]?.rows[used[next] ?? 0]
    if (row === undefined) return { taken, used, hasMore: false }
    const isOutOfRows = sides.some(
      ({ rows }, side) => isCut[side] && used[side] === rows.length - 1,
    )
    if (taken.length === limit || isOutOfRows) return { taken, used, hasMore: true }
    used[next] = (used[next] ?? 0) + 1
    if (isShown(row)) taken.push(row)
  }
}
