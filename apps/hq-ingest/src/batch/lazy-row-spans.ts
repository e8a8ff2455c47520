import { locateRows, type Span } from '@hq-export/contract'

/** Where the rows of a batch stand in its text: looked up once, and only if a row needs its exact text. */
export function lazyRowSpans(text: string): () => readonly Span[] {
  let spans: readonly Span[] | undefined
  return () => {
    spans ??= locateRows(text).map(({ row }) => row)
    return spans
  }
}
