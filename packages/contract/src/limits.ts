/** What a gateway accepts in one request; the relay cuts its batches to stay below. */
export const LIMITS = {
  /** Body as sent, after `content-encoding`, in bytes. */
  maxWireBytes: 8 * 1024 * 1024,
  /** Body after decompression, in bytes. */
  maxDecodedBytes: 16 * 1024 * 1024,
  /** Rows in one batch. */
  maxRows: 5000,
  /** Text of one row, in bytes. */
  maxRowBytes: 4 * 1024 * 1024,
} as const
