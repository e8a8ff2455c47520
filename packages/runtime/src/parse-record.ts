import type { z } from 'zod'
import { OperatorError } from './operator-error.ts'

/** Characters of a place in a record that are told: names of it may come from elsewhere. */
const MAX_PLACE = 200

/** A record of a database that this release does not read. */
export class UnreadableRecordError extends OperatorError {
  override readonly name = 'UnreadableRecordError'
}

/** Where a record stands. */
export interface RecordPlace {
  /** What people call it, such as `backfill 3`. */
  readonly name: string
  readonly table: string
  readonly column: string
  /** SQL that finds it, such as `id = 3`. */
  readonly where: string
}

/**
 * Reads what a column of JSON holds, which another release or a hand may have written.
 * @throws {UnreadableRecordError} where it is of another form, with what to do; no value of it.
 */
export function parseRecord<T>(schema: z.ZodType<T>, value: unknown, place: RecordPlace): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { name, table, column, where } = place
  const path = parsed.error.issues[0]?.path ?? []
  const at = [column, ...path.map(String)].join('.').slice(0, MAX_PLACE)
  throw new UnreadableRecordError(
    `${name} is recorded in a form that this release does not read, at ${at}: a newer release has ` +
      `written it, or a hand. Run that release here, too, or look at it: ` +
      `select ${column} from ${table} where ${where}`,
  )
}
