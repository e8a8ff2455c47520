import { readFileSync } from 'node:fs'
import { daySchema, releaseIdSchema } from '@hq-export/contract'
import { type Command, InvalidArgumentError } from 'commander'
import { parseReadings, type Readings } from '../records/readings.ts'

/** Reads a day. @throws InvalidArgumentError */
export function parseDay(text: string): string {
  if (daySchema.safeParse(text).success) return text
  throw new InvalidArgumentError('must be a day, such as 2026-11-28')
}

/** Reads the id of a release. @throws InvalidArgumentError */
export function parseRelease(text: string): string {
  if (releaseIdSchema.safeParse(text).success) return text
  throw new InvalidArgumentError('must be a release, such as 0.2.0')
}

/** Reads a file with what HQ says of its readers. @throws InvalidArgumentError */
export function readReadings(path: string): Readings {
  try {
    return parseReadings(readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new InvalidArgumentError(
      `must be a file of: npm run ingest --silent -- readers --json (${error.name})`,
    )
  }
}

/** Adds `--as-of`, with which a command works as on another day. */
export function withAsOf(command: Command): Command {
  return command.option('--as-of <day>', 'as on this day, in place of today', parseDay)
}
