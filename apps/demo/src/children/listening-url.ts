/**
 * The URL in the line with which the gateway says that it listens; undefined for any other line.
 */
export function listeningUrl(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined
  const { msg, url }: { msg?: unknown; url?: unknown } = JSON.parse(line)
  return msg === 'listening' && typeof url === 'string' && URL.canParse(url) ? url : undefined
}
