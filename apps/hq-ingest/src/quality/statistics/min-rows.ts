/** Rows from which on a share says something. */
export const MIN_ROWS = 20
/** Rows from which on a baseline does: of fewer, what is usual is by chance itself. */
export const MIN_BASELINE_ROWS = 500
