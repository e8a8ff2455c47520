import type { BatchResult } from '@hq-export/contract'

/** Who may be at fault where HQ did not decide a batch. */
export type Blame =
  /**
   * Nobody but HQ: it said no for reasons of its own, or was not there. An outage must not turn
   * good rows into dead letters.
   */
  | 'hq'
  /** Perhaps the batch: the request was taken and came to no good end (reset, time-out, 500). */
  | 'kills'
  /** Perhaps the batch: it, or a row of it, cannot be written now. */
  | 'slow'
  /** Perhaps the batch: it was refused outright, by somebody in between or as malformed. */
  | 'refused'

/** What an attempt means for its batch. */
export type AttemptOutcome =
  /** HQ has decided every row. */
  | { readonly kind: 'accepted'; readonly answer: BatchResult }
  /** Nothing was decided, or we do not know: the same batch again. */
  | {
      readonly kind: 'retry'
      readonly reason: string
      readonly retryAfterMs?: number | undefined
      readonly blame: Exclude<Blame, 'refused'>
    }
  /** Refused, and whether for the batch's sake or for everybody's is to be found out. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** HQ does not take this much at once. */
  | {
      readonly kind: 'split'
      readonly reason: string
      /** What HQ itself says of it; `unknown` where somebody in between does. */
      readonly cause: 'too_large' | 'not_in_time' | 'unknown'
    }
  /** HQ takes no row of this dataset any more: they are kept, and others go on. */
  | { readonly kind: 'set_aside'; readonly reason: string }
  /** Our fault or the operator's, not a row's: nothing is dead-lettered, delivery pauses. */
  | { readonly kind: 'halt'; readonly reason: string }

/**
 * As it is told by whoever posted the batch: with the status of the answer, where there was one.
 */
export type PostOutcome = AttemptOutcome & { readonly status?: number | undefined }
