import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

export interface Asset {
  readonly name: string
  readonly type: string
  readonly content: string
}

const BROWSER = join(import.meta.dirname, '..', '..', 'browser')
const SCRIPT = 'text/javascript; charset=utf-8'
const STYLE = 'text/css; charset=utf-8'
/** TypeScript that runs in the browser. */
const SCRIPTS = ['chart', 'console', 'refresh', 'shortcuts']

async function script(name: string): Promise<Asset> {
  const source = await readFile(join(BROWSER, `${name}.ts`), 'utf8')
  return { name: `${name}.ts`, type: SCRIPT, content: stripTypeScriptTypes(source) }
}

async function library(name: string, type: string, module: string): Promise<Asset> {
  const path = createRequire(import.meta.url).resolve(module)
  return { name, type, content: await readFile(path, 'utf8') }
}

/**
 * Everything that a browser loads beside pages: read once, served under an address that changes
 * with the content of any of them, so that it can be kept for ever and parts of two builds are
 * never mixed.
 */
export class Assets {
  readonly #byPath: ReadonlyMap<string, Asset>
  /** Where they are served; changes with the content of any of them. */
  readonly folder: string

  private constructor(assets: readonly Asset[]) {
    const hash = createHash('sha256')
    for (const { name, content } of assets) hash.update(`${name}\0${content}\0`)
    this.folder = `/assets/${hash.digest('base64url').slice(0, 16)}`
    this.#byPath = new Map(assets.map((asset) => [this.address(asset.name), asset]))
  }

  /** Reads them all; types are taken out of what is TypeScript. */
  static async load(): Promise<Assets> {
    const style = readFile(join(BROWSER, 'style.css'), 'utf8')
    return new Assets([
      ...(await Promise.all(SCRIPTS.map(script))),
      await library('idiomorph.js', SCRIPT, 'idiomorph/dist/idiomorph.esm.js'),
      await library('uplot.js', SCRIPT, 'uplot/dist/uPlot.esm.js'),
      await library('uplot.css', STYLE, 'uplot/dist/uPlot.min.css'),
      { name: 'style.css', type: STYLE, content: await style },
    ])
  }

  /** Address of an asset. */
  readonly address = (name: string): string => `${this.folder}/${name}`

  find(path: string): Asset | undefined {
    return this.#byPath.get(path)
  }
}
