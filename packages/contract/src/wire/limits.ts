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
  /**
   * Nesting of objects and arrays in one row, itself included; a row without unknown columns needs
   * 1.
   */
  maxRowDepth: 32,
  /** Objects and arrays in the body: they cost a parser far more memory than they have bytes. */
  maxContainers: 100_000,
  /**
   * Different signatures that are read of one request: each ed25519 one costs a hash of the body
   * per key.
   */
  maxSignatures: 8,
  /** Characters of `webhook-signature` that are read. */
  maxSignatureChars: 1024,
} as const
