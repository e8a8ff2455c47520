import type { Shape } from './rules.ts'

/** What begins the second part of a token, so that it stands between the first two. */
const SECOND_PART = '.eyJ'
/** The rest of the second part, and the third. */
const TAIL_PATTERN = /[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,1024}/y
/** The first part at the end of a text of {@link isPartCharacter}s: not in the middle of a word. */
const FIRST_PART_PATTERN = /(?:^|-)(eyJ.{10})/s

function isPartCharacter(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || // 0-9
    (code >= 0x41 && code <= 0x5a) || // A-Z
    (code >= 0x61 && code <= 0x7a) || // a-z
    code === 0x5f || // _
    code === 0x2d // -
  )
}

/**
 * Finds a JSON Web Token: three parts of base64url, the first two of which begin as JSON objects
 * do. One pass: a token is looked for where its second part begins, and no part holds a dot, so no
 * character is looked at for more than two of these places. A search from where the first part
 * begins would read all that follows again for every `-eyJ` in it.
 */
export function nextWebToken(text: string, from: number): Shape | undefined {
  for (
    let dot = text.indexOf(SECOND_PART, from);
    dot !== -1;
    dot = text.indexOf(SECOND_PART, dot + 1)
  ) {
    TAIL_PATTERN.lastIndex = dot + SECOND_PART.length
    if (!TAIL_PATTERN.test(text)) continue
    let runStart = dot
    while (runStart > from && isPartCharacter(text.charCodeAt(runStart - 1))) runStart--
    const first = FIRST_PART_PATTERN.exec(text.slice(runStart, dot))
    if (first === null) continue
    const start = runStart + first.index + first[0].length - (first[1]?.length ?? 0)
    return { start, end: TAIL_PATTERN.lastIndex }
  }
  return undefined
}
