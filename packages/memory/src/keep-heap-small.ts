/**
 * Imported for its effect, before anything else is loaded: a young generation that has grown meanwhile stays so. Rows are garbage
 * within milliseconds in both programs, and V8 lets garbage lie as long as memory seems plenty. A young generation that does not grow,
 * and a full collection whenever the heap is 120 % larger than the last left it, give a program under load 80 to 100 MB back
 * (docs/PERFORMANCE.md).
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=120')
