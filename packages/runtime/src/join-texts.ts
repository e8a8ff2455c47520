/**
 * Writes texts one behind the other, UTF-8, without a string of all of them in between: a large one
 * stays until a full collection.
 * @param texts as they are, or their bytes already.
 * @returns a view of memory of its own, which `freeMemory` can give back.
 */
export function joinTexts(texts: readonly (string | Buffer)[]): Buffer {
  const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const bytes = Buffer.allocUnsafeSlow(size)
  let end = 0
  for (const text of texts) {
    end += typeof text === 'string' ? bytes.write(text, end) : text.copy(bytes, end)
  }
  return bytes
}
