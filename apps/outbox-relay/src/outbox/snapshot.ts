/**
 * A `pg_snapshot` as text, `xmin:xmax:xip,...`. Kept as text: the numbers are 64 bits wide and only
 * PostgreSQL computes with them.
 */
export type Snapshot = string

/** The snapshot in which nothing is visible: a window from here takes everything that is retained. */
export const EMPTY_SNAPSHOT: Snapshot = '1:1:'
