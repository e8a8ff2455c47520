import { BACKFILL_KINDS } from './backfill.ts'
import { KEY_KINDS } from './keys.ts'
import type { ActionKind } from './kind.ts'
import { REFUSED_ROWS_KINDS } from './refused-rows.ts'
import { repair, verify } from './verify.ts'

/** Everything that can be done, by the name that the audit gives it. */
export const KINDS: ReadonlyMap<string, ActionKind> = new Map(
  [...REFUSED_ROWS_KINDS, ...BACKFILL_KINDS, repair, verify, ...KEY_KINDS].map((kind) => [
    kind.name,
    kind,
  ]),
)
