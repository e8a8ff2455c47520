import type { DeleteRace } from './delete-race.ts'
import type { OutboxRow } from './outbox-row.ts'
import type { OversizedRow, WireRows } from './read-page.ts'

/**
 * A page of a window: what travels, what could not be captured, what is too large for either, and
 * how many rows it was in the outbox.
 */
export interface Page {
  readonly rowCount: number
  readonly wireRows: readonly WireRows[]
  readonly failed: readonly OutboxRow[]
  readonly oversized: readonly OversizedRow[]
  /** Inserts that the delete of their key, in this window too, has overtaken. */
  readonly deleteRaces: readonly DeleteRace[]
}
