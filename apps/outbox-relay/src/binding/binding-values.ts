import { z } from 'zod'

/** Encloses generated function bodies, so no expression may contain it. */
export const BODY_QUOTE = '$capture$'
/** Encloses generated SQL inside a function body. */
export const QUERY_QUOTE = '$query$'

/** SQL that stands inside of a statement. */
export const expression = z
  .string()
  .trim()
  .min(1, 'must be a SQL expression over r')
  .refine(
    (text) => !text.includes(BODY_QUOTE) && !text.includes(QUERY_QUOTE),
    `must not contain ${BODY_QUOTE} or ${QUERY_QUOTE}`,
  )
  .refine((text) => !text.includes('--') && !text.includes(';'), 'must not contain -- or ;')

/** Name of a column, without quotes. */
export const sourceColumn = z.string().min(1).max(63)

/** Name of a table, without quotes. */
export const sourceTable = z
  .string()
  .regex(/^[^.\s]+\.[^.\s]+$/, 'must be schema.table, without quotes')
