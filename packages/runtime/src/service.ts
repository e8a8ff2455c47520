/**
 * A part of a program that works by itself until it is stopped. Every one of them promises:
 *
 * - `start` a second time changes nothing;
 * - `stop` is safe without a start, and twice, and always resolves when nothing of the part works
 *   any more, whichever call began to stop it;
 * - what was stopped is not started again.
 *
 * So whoever puts a program together defers the `stop` of each part as soon as it has one, and need
 * not know how far the start came.
 */
export interface Service {
  stop(): Promise<void>
}
