import { SCREENS } from '@hq-export/console/screens.ts'
import type { ConsoleAnswer, ConsoleSite } from './console-site.ts'

/** Pages of one kind, by screen and names of parameters, that are looked at. */
const MAX_OF_A_KIND = 2
const MAX_PAGES = 250

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
}

/** The text that an attribute stands for. */
export function attributeText(markup: string): string {
  return markup.replace(/&([a-z]+|#39);/g, (entity, name) => ENTITIES[name] ?? entity)
}

/** What a page links to within the console, without what stands behind #. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/<a\b[^>]*\bhref="(\/[^"]*)"/g)].map(
    ([, link]) => attributeText(link ?? '').split('#')[0] ?? '',
  )
}

function kindOf(path: string): string {
  const { pathname, searchParams } = new URL(path, 'http://localhost')
  const [, screen = ''] = pathname.split('/')
  const depth = pathname.split('/').length
  return `${screen} ${depth} ${[...searchParams.keys()].sort()}`
}

/** Every screen by a made-up address, whether anything links to it or not. */
function addressesOf(samples: Readonly<Record<string, string>>): string[] {
  return SCREENS.map(({ path }) =>
    path.replace(/:(\w+)(\{[^}]*\})?/g, (_, name) => encodeURIComponent(samples[name] ?? '1')),
  )
}

/**
 * Looks at every screen and at what pages link to, a few of each kind.
 * @param samples for the names in paths of screens.
 */
export async function crawl(
  site: ConsoleSite,
  headers: Record<string, string>,
  samples: Readonly<Record<string, string>>,
): Promise<Map<string, ConsoleAnswer>> {
  const found = new Map<string, ConsoleAnswer>()
  const kinds = new Map<string, number>()
  const waiting = addressesOf(samples)
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const kind = kindOf(path)
    const seen = kinds.get(kind) ?? 0
    if (found.has(path) || seen >= MAX_OF_A_KIND || path.startsWith('/assets/')) continue
    if (found.size >= MAX_PAGES) throw new Error(`more than ${MAX_PAGES} kinds of pages`)
    kinds.set(kind, seen + 1)
    const answer = await site.get(path, headers)
    found.set(path, answer)
    waiting.push(...linksOf(answer.text))
  }
  return found
}
