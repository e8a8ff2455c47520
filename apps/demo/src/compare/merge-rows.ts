import type { TextRow } from './read-rows.ts'

/** How a key differs between the two sides. */
export type Difference =
  | { readonly kind: 'missing in HQ' | 'only in HQ'; readonly key: string }
  | {
      readonly kind: 'columns differ'
      readonly key: string
      readonly columns: readonly {
        readonly name: string
        readonly source: string | null
        readonly hq: string | null
      }[]
    }

/** What one dataset's comparison found. */
export interface Comparison {
  readonly sourceRows: number
  readonly hqRows: number
  readonly differences: number
  /** Rows that are not in HQ, or not so, because HQ refused them and the source knows. */
  readonly refused: number
  /** The first few of them. */
  readonly examples: readonly Difference[]
}

/** Differences that are kept to be shown; all are counted. */
const KEPT_EXAMPLES = 5

function compareRow(names: readonly string[], source: TextRow, hq: TextRow) {
  const columns = names
    .map((name, index) => ({
      name,
      source: source.values[index] ?? null,
      hq: hq.values[index] ?? null,
    }))
    .filter((column) => column.source !== column.hq)
  return columns.length === 0
    ? undefined
    : ({ kind: 'columns differ', key: source.key, columns } as const)
}

/**
 * Walks through both sides at once, each sorted by key, and compares every column of every row as
 * text.
 * @param names of the columns, in the order of the values.
 * @param refused keys of open dead letters.
 */
export async function mergeRows(
  names: readonly string[],
  sourceRows: AsyncIterable<TextRow>,
  hqRows: AsyncIterable<TextRow>,
  refused: ReadonlySet<string> = new Set(),
): Promise<Comparison> {
  const counts = { sourceRows: 0, hqRows: 0, differences: 0, refused: 0 }
  const examples: Difference[] = []
  const add = (difference: Difference | undefined): void => {
    if (difference === undefined) return
    if (difference.kind !== 'only in HQ' && refused.has(difference.key)) {
      counts.refused++
      return
    }
    counts.differences++
    if (examples.length < KEPT_EXAMPLES) examples.push(difference)
  }
  const source = sourceRows[Symbol.asyncIterator]()
  const hq = hqRows[Symbol.asyncIterator]()
  let left = await source.next()
  let right = await hq.next()
  while (!left.done || !right.done) {
    const leftKey = left.done ? undefined : left.value.key
    const rightKey = right.done ? undefined : right.value.key
    if (!left.done && (rightKey === undefined || left.value.key < rightKey)) {
      counts.sourceRows++
      add({ kind: 'missing in HQ', key: left.value.key })
      left = await source.next()
    } else if (!right.done && (leftKey === undefined || right.value.key < leftKey)) {
      counts.hqRows++
      add({ kind: 'only in HQ', key: right.value.key })
      right = await hq.next()
    } else if (!left.done && !right.done) {
      counts.sourceRows++
      counts.hqRows++
      add(compareRow(names, left.value, right.value))
      left = await source.next()
      right = await hq.next()
    }
  }
  return { ...counts, examples }
}
