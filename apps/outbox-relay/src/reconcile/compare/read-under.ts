/** Characters of a snapshot that are kept: of one with more, how many transactions were open. */
const MAX_CHARS = 1_000

/** The first and the last snapshot under which a side was read. */
export type ReadUnder = readonly [first: string, last: string]

function shortened(snapshot: string): string {
  if (snapshot.length <= MAX_CHARS) return snapshot
  const [xmin, xmax, open = ''] = snapshot.split(':')
  return `${xmin}:${xmax}: and ${open.split(',').length} open`
}

/** Adds the snapshot of a later reading. */
export function readUnder(before: ReadUnder | null, snapshot: string): ReadUnder {
  const last = shortened(snapshot)
  return [before?.[0] ?? last, last]
}
