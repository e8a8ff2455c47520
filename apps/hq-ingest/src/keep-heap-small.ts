/**
 * Imported before anything else, for its effect. Batches are garbage as soon as they are answered, and V8 lets garbage lie as long as
 * memory seems plenty. A young generation that does not grow, and a full collection whenever the heap has doubled since the
 * last, give 100 MB of them back (docs/PERFORMANCE.md).
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=100')
