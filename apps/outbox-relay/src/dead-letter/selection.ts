import type pg from 'pg'

/** Which dead letters a command is about. */
export type DeadLetterSelection =
  /** Exactly these, settled or not. */
  | { readonly ids: readonly string[] }
  /** Open ones, all that match; absent conditions match everything. */
  | {
      readonly dataset?: string | undefined
      readonly reason?: string | undefined
      /** Where in the row; '' for those of which HQ did not say. */
      readonly pointer?: string | undefined
    }

/** One selected dead letter. */
export interface SelectedDeadLetter {
  readonly id: string
  readonly dataset: string
  readonly reason: string
}

const BY_ID = /* sql */ `
select d.id::text as id, d.dataset, d.reason
from hq_export.dead_letter d
where d.id = any ($1::bigint[])
order by d.id`

// Oldest first: what waited longest is sent first.
const OPEN = /* sql */ `
select d.id::text as id, d.dataset, d.reason
from hq_export.dead_letter d
where d.resolved_at is null and ($1::text is null or d.dataset = $1)
  and ($2::text is null or d.reason = $2)
  and ($3::text is null or d.pointer = $3)
order by d.id`

/** Finds the dead letters of a selection, oldest first; ids that do not exist are left out. */
export async function selectDeadLetters(
  client: pg.ClientBase,
  selection: DeadLetterSelection,
): Promise<SelectedDeadLetter[]> {
  if ('ids' in selection)
    return (await client.query<SelectedDeadLetter>(BY_ID, [selection.ids])).rows
  const { dataset = null, reason = null, pointer = null } = selection
  return (await client.query<SelectedDeadLetter>(OPEN, [dataset, reason, pointer])).rows
}

/** The ids that were asked for and do not exist. */
export function missingIds(
  selection: DeadLetterSelection,
  found: readonly SelectedDeadLetter[],
): string[] {
  if (!('ids' in selection)) return []
  const known = new Set(found.map(({ id }) => id))
  return [...new Set(selection.ids)].filter((id) => !known.has(id))
}
