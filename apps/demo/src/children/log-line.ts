/** pino's levels: below 40 is the app's everyday talk, from 40 on somebody should look. */
const WARNING_LEVEL = 40

/** What a line of a child's output means to whoever watches the demo. */
export interface LogLine {
  /** True for a warning, an error, and anything that is not a log line at all. */
  readonly isWarning: boolean
  /** The line for people: the text and its fields, without time, process and host. */
  readonly text: string
}

const EVERYDAY_FIELDS = new Set(['level', 'time', 'pid', 'hostname', 'service', 'msg', 'name'])

function field([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
}

/**
 * Reads one line that an app printed: JSON by pino, or plain text, which apps print only when they
 * fail.
 */
export function readLogLine(line: string): LogLine {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return { isWarning: true, text: line }
  }
  if (typeof parsed !== 'object' || parsed === null || !('level' in parsed)) {
    return { isWarning: true, text: line }
  }
  const entries = Object.entries(parsed)
  const message = 'msg' in parsed ? String(parsed.msg) : ''
  const fields = entries.filter(([name]) => !EVERYDAY_FIELDS.has(name)).map(field)
  return {
    isWarning: Number(parsed.level) >= WARNING_LEVEL,
    text: [message, ...fields].filter((part) => part !== '').join(' '),
  }
}
