import { readFileSync } from 'node:fs'

const PACKAGE = new URL('../../package.json', import.meta.url)

/** Version of whichever program of ours runs: all packages are released together, as one version. */
export const PROGRAM_VERSION = (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string })
  .version
