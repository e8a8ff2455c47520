import type { IncomingMessage } from 'node:http'

/**
 * All values of a header as sent; Node joins repeated ones or drops them, which would hide the
 * repetition.
 */
export function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '')
  }
  return values
}
