/** Comment lines that enclose what a program wrote in a document. */
export const SECTION_BEGIN = '<!-- generated: npm run contract -- docs --write -->'
export const SECTION_END = '<!-- /generated -->'

/**
 * A document with everything between its markers replaced; equal to `document` if and only if it
 * was up to date.
 *
 * @throws {Error} where the markers are missing, or not one of each in this order.
 */
export function replaceGeneratedSection(document: string, content: string): string {
  const [before, rest, ...moreBegins] = document.split(`${SECTION_BEGIN}\n`)
  const [old, after, ...moreEnds] = (rest ?? '').split(`${SECTION_END}\n`)
  if (old === undefined || after === undefined || moreBegins.length + moreEnds.length > 0) {
    throw new Error(`the document must have ${SECTION_BEGIN} and ${SECTION_END} once each`)
  }
  return `${before}${SECTION_BEGIN}\n\n${content}\n\n${SECTION_END}\n${after}`
}
