/** A name, and attributes in double quotes without `<` in them. */
const TAG = /^<(\/?)([A-Za-z][\w-]*)((?:\s+[A-Za-z][\w-]*="[^"<]*")*)\s*(\/?)>$/
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/
/** What no XML 1.0 document may hold. */
const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u

/**
 * The names of the elements of an XML document, or of a page that is one, in their order.
 * @throws where it is not well-formed: a tag that is not closed, or closes another one, a bare `&`
 * or `<`, a character that must not be there.
 */
export function elementsOf(document: string): string[] {
  const forbidden = FORBIDDEN.exec(document)
  if (forbidden !== null) throw new Error(`character ${forbidden[0].codePointAt(0)}`)
  const body = document.replace(/^<\?xml [^<>]*\?>\n/, '').replace(/^<!DOCTYPE html>\n/, '')
  const open: string[] = []
  const elements: string[] = []
  for (const [part] of body.matchAll(/<[^<>]*>?|[^<]+/g)) {
    if (ENTITY.test(part)) throw new Error(`a bare & in ${part}`)
    if (!part.startsWith('<')) continue
    const [, closing, name = '', , empty] = TAG.exec(part) ?? []
    if (name === '') throw new Error(`no tag: ${part}`)
    if (closing === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes another element`)
      continue
    }
    elements.push(name)
    if (empty !== '/') open.push(name)
    else if (open.length === 0 && elements.length > 1) throw new Error('more than one root')
  }
  if (open.length > 0) throw new Error(`<${open.join('><')}> is not closed`)
  return elements
}
