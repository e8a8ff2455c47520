/**
 * Imported before anything else, for its effect: a full collection whenever the heap is a little
 * more than twice what the last one left. V8 would let it grow to four times that, as long as
 * memory seems plenty, and in both programs rows are garbage within milliseconds. Together with
 * `--max-semi-space-size` of 2 or 4, which only the command line can set, it gives a program under
 * load 80 to 100 MB back at no cost in processor time that could be measured (docs/PERFORMANCE.md).
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--heap-growing-percent=110')

/**
 * A full collection sooner, for the relay while it is traced: what V8 lets be added is a part of the
 * heap, and the SDK and its spans make that larger. It gives 15 MB back where every trace is
 * sampled, for 7 % more of the relay's processor time (docs/PERFORMANCE.md).
 */
export function keepHeapSmaller(): void {
  setFlagsFromString('--heap-growing-percent=70')
}
