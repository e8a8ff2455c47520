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
  /** Body of a request of reconciliation, in bytes. */
  maxDigestBytes: 8 * 1024 * 1024,
  /** Keys that one request of reconciliation asks for. */
  maxDigestKeys: 5000,
  /** Rows in one page of the rows of buckets. */
  maxDigestRows: 20_000,
  /** Keys in flight that a digest names. */
  maxInFlightKeys: 20_000,
  /** Findings of one reconciliation that are told. */
  maxFindings: 10_000,
} as const
