import { ConsoleSite } from './console-site.ts'

const SECRET = 'a secret of the proxy in tests'

/** Settings of a console behind a proxy, which knows who asks: quicker than passwords. */
export const PROXY_ENV: Readonly<Record<string, string>> = {
  CONSOLE_USER_HEADER: 'x-forwarded-user',
  CONSOLE_PROXY_SECRET: SECRET,
  CONSOLE_GROUPS: 'ops=operator admins=admin auditors=viewer+values',
}

function headersOf(name: string, group: string): Record<string, string> {
  return {
    'x-console-proxy-secret': SECRET,
    'x-forwarded-user': name,
    'x-forwarded-groups': group,
  }
}

/** Headers of somebody of each role. */
export const VIEWER = headersOf('vera', 'nobody')
export const OPERATOR = headersOf('ada', 'ops')
export const ADMIN = headersOf('root', 'admins')
export const AUDITOR = headersOf('otto', 'auditors')

/** Starts a console for these users. */
export function startConsole(env: Readonly<Record<string, string>>): Promise<ConsoleSite> {
  return ConsoleSite.start({ ...PROXY_ENV, ...env })
}

/** Values of the form on a page that asks for an action, as a browser would send them. */
export function formOf(page: string, id = 'confirm'): Record<string, string> {
  const form = new RegExp(`<form[^>]* id="${id}"[^>]*>(.*?)</form>`, 's').exec(page)?.[1]
  if (form === undefined) throw new Error(`the page has no form ${id}`)
  const inputs = form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)
  return Object.fromEntries(
    [...inputs].map(([, name = '', value = '']) => [name, value.replaceAll('&amp;', '&')]),
  )
}
