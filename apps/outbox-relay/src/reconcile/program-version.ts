import { readFileSync } from 'node:fs'

interface Package {
  readonly version: string
}

/** Version of the relay that runs. */
export function programVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as Package).version
}
