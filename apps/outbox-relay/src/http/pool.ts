import { createRequire } from 'node:module'
import type * as undici from 'undici'

/*
 * Of undici what posts. Its index loads everything else, too, from fetch to mocks: 15 MB of a
 * process that has none of it. Its files are CommonJS, and both ways load the same ones.
 */

const require = createRequire(import.meta.url)

/** Connections to one server. */
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js')
export type Pool = undici.Pool

/** What {@link Pool} throws. */
export const errors: typeof undici.errors = require('undici/lib/core/errors.js')
