import { SEES_ALL } from './hidden-tables.ts'

/**
 * Settings of a session that looks at what waits, beside the one that delivers it. A first look
 * reads all of it: in the order of the pages, which takes two thirds of what the order of the index
 * takes, and by one process, because the application has better use for the others. A statement
 * that takes longer than millions of rows do is stuck, and reported.
 */
export const LOOKING_SESSION: Readonly<Record<string, string>> = {
  ...SEES_ALL,
  enable_bitmapscan: 'on',
  max_parallel_workers_per_gather: '0',
  statement_timeout: '5min',
}
