import '@hq-export/memory/keep-heap-small.ts'

// Only now: what loading it leaves behind would have made the young generation grow.
await import('./program.ts')
