import { describeError } from '@hq-export/runtime/describe-error.ts'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { etag } from 'hono/etag'
import { type Actor, describeRights, isAtLeast } from '../access/actor.ts'
import { type AccessMode, Authenticator } from '../access/authenticate.ts'
import type { Assets } from '../assets/assets.ts'
import type { Download } from '../page/download.ts'
import type { FormAction } from '../page/form-action.ts'
import { type Content, html } from '../page/html.ts'
import { layout } from '../page/layout.ts'
import type { Page, PageRequest, Screen, Surroundings } from '../page/screen.ts'
import type { Logger } from '../process/log.ts'
import { findCrossOrigin, isReadByOtherSite } from './same-origin.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import { SingleFlight } from './single-flight.ts'

export interface ConsoleAppOptions {
  readonly screens: readonly Screen[]
  readonly downloads: readonly Download[]
  readonly actions: readonly FormAction[]
  readonly assets: Assets
  readonly surroundings: Surroundings
  readonly access: AccessMode
  /** Names in the header Host that are answered, without port. */
  readonly hosts: readonly string[]
  /** Where people reach it; undefined: as the request says, on loopback. */
  readonly url: string | undefined
  readonly log: Logger
}

type Env = { Variables: { actor: Actor } }
type ErrorStatus = 400 | 403 | 404 | 405 | 413 | 500

const MAX_FORM_BYTES = 64 * 1024
/** How long a page is shown to others who ask for the same. */
const HOLD_MS = 1_000
/** Of the time, all together, in which pages that refresh themselves are read. */
const REFRESH_SHARE = 0.02
/** Sent by a page that refreshes itself (`browser/refresh.ts`). */
const REFRESH_HEADER = 'hq-console-refresh'
const HTML_TYPE = 'text/html; charset=utf-8'

const CROSS_ORIGIN = {
  'other site': 'The request came from a page of another site, and nothing was done.',
  'unknown site':
    'The request does not say from which page it came, and nothing was done. Programs use the command lines.',
  'no form': 'Only forms of these pages are taken.',
} as const

/** Name in the header Host, without the port; '' where there is none. */
function hostName(header: string | undefined): string {
  return /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(header ?? '')?.[1]?.toLowerCase() ?? ''
}

/** @throws TypeError where `address` would lead out of the console. */
function assertWithin(address: string): string {
  if (/^\/(?![/\\])/.test(address)) return address
  throw new TypeError('an action leads out of the console')
}

/** The console as an HTTP application: pages, assets, actions, and who may see and do what. */
export function createConsoleApp(options: ConsoleAppOptions): Hono<Env> {
  const { screens, downloads, actions, assets, surroundings, access, hosts, url, log } = options
  const authenticator = new Authenticator(access)
  // Where nobody is asked who they are, nobody can be said to have done it.
  const isReadOnly = surroundings.isReadOnly || access.kind === 'open'
  const flights = new SingleFlight<{
    readonly body: string
    readonly status: number
    readonly date: string
  }>({ holdMs: HOLD_MS, refreshShare: REFRESH_SHARE })
  const navigation = screens.filter(({ nav }) => nav !== undefined)
  const app = new Hono<Env>()

  function requestOf(context: Context<Env>, actor: Actor): PageRequest {
    return {
      ...surroundings,
      ...{ isReadOnly, actor },
      params: context.req.param(),
      query: new URL(context.req.url).searchParams,
    }
  }

  function documentOf(page: Page, request: PageRequest, screen: Screen | undefined): string {
    const isLive = screen !== undefined && screen.isLive !== false
    return layout({
      ...{ page, request, screens: navigation, current: screen?.path, isLive },
      asset: assets.address,
    }).toString()
  }

  function answerPlain(
    context: Context<Env>,
    status: ErrorStatus,
    title: string,
    content: Content,
    headers: Record<string, string> = {},
  ): Response {
    const actor = context.get('actor') ?? { name: undefined, role: 'viewer', seesValues: false }
    const body = documentOf({ title, content }, requestOf(context, actor), undefined)
    return context.body(body, status, { 'content-type': HTML_TYPE, ...headers })
  }

  function refuse(context: Context<Env>, status: ErrorStatus, title: string, text: string) {
    return answerPlain(context, status, title, html`<p>${text}</p>`)
  }

  const secure: MiddlewareHandler<Env> = async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      if (!context.res.headers.has(name)) context.res.headers.set(name, value)
    }
  }

  // Another name that leads here (DNS rebinding) would make its pages ours.
  const checkHost: MiddlewareHandler<Env> = async (context, next) => {
    const names = [context.req.header('host'), new URL(context.req.url).host]
    if (names.every((name) => hosts.includes(hostName(name)))) return next()
    return context.text('This name is not served here; add it to CONSOLE_HOSTS.\n', 421)
  }

  const checkMethod: MiddlewareHandler<Env> = async (context, next) => {
    const { method } = context.req
    if (method === 'POST') return next()
    if (method !== 'GET' && method !== 'HEAD')
      return context.text('Only GET, HEAD and POST.\n', 405, { allow: 'GET, HEAD, POST' })
    // What it could not see would keep the databases busy all the same.
    if (!isReadByOtherSite((name) => context.req.header(name))) return next()
    return context.text('Pages of another site may link here, and no more.\n', 403)
  }

  const checkChange: MiddlewareHandler<Env> = async (context, next) => {
    if (context.req.method !== 'POST') return next()
    if (isReadOnly) {
      const why = surroundings.isReadOnly
        ? 'CONSOLE_READ_ONLY is set.'
        : 'Nobody is asked who they are; set CONSOLE_USERS or CONSOLE_USER_HEADER.'
      return refuse(context, 405, 'Read-only', `Nothing can be changed here: ${why}`)
    }
    const origin = url ?? new URL(context.req.url).origin
    const problem = findCrossOrigin((name) => context.req.header(name), origin)
    if (problem === undefined) return next()
    return refuse(context, 403, 'Not from here', CROSS_ORIGIN[problem])
  }

  // PostgreSQL has no such character, so nothing is called by it.
  const refuseNul = (context: Context<Env>) =>
    refuse(context, 400, 'No such text', 'U+0000 stands in no text of these databases.')
  const checkAddress: MiddlewareHandler<Env> = async (context, next) =>
    context.req.url.includes('%00') ? refuseNul(context) : next()

  const authenticate: MiddlewareHandler<Env> = async (context, next) => {
    const found = await authenticator.authenticate((name) => context.req.header(name))
    if (found.kind === 'actor') {
      context.set('actor', found.actor)
      return next()
    }
    if (found.kind === 'busy') {
      return context.text('Too many are signing in; try again.\n', 429, { 'retry-after': '1' })
    }
    const headers: Record<string, string> = authenticator.asksForPassword
      ? { 'www-authenticate': 'Basic realm="hq-export console", charset="UTF-8"' }
      : {}
    return context.text(`Not signed in: ${found.reason}.\n`, 401, headers)
  }

  app.use(secure)
  app.get('/livez', (context) => context.text('ok\n'))
  app.use(checkHost)
  app.get('/assets/*', (context) => {
    const asset = assets.find(context.req.path)
    if (asset === undefined) return context.text('There is no such asset.\n', 404)
    return context.body(asset.content, 200, {
      'content-type': asset.type,
      'cache-control': 'public, max-age=31536000, immutable',
    })
  })
  // Who has not signed in learns nothing of what is here, not even that nothing can be changed.
  app.use(checkMethod, authenticate, checkChange, checkAddress, etag())
  app.use(
    bodyLimit({
      maxSize: MAX_FORM_BYTES,
      onError: (context) =>
        refuse(context, 413, 'Too large', 'A form of these pages has at most 64 KiB.'),
    }),
  )

  for (const screen of screens) {
    app.get(screen.path, async (context) => {
      const actor = context.get('actor')
      if (!isAtLeast(actor, screen.role ?? 'viewer'))
        return refuse(context, 403, 'Not allowed', `This needs the role ${screen.role}.`)
      const { pathname, search } = new URL(context.req.url)
      const show = async () => {
        // Of its reading, which may be a while ago when it is shown.
        const date = new Date().toUTCString()
        const request = requestOf(context, actor)
        const page = await screen.show(request)
        return { body: documentOf(page, request, screen), status: page.status ?? 200, date }
      }
      const key = JSON.stringify([actor.name, describeRights(actor), pathname, search])
      // A form that is filled in has an id of its own, which nobody else may get.
      const isRefresh = context.req.header(REFRESH_HEADER) !== undefined
      const { body, status, date } =
        screen.isLive === false ? await show() : await flights.get(key, show, isRefresh)
      return context.body(body, status as 200, { 'content-type': HTML_TYPE, date })
    })
  }
  for (const download of downloads) {
    app.get(download.path, async (context) => {
      const request = requestOf(context, context.get('actor'))
      const made = await download.make(request)
      if ('content' in made) {
        const body = documentOf(made, request, undefined)
        return context.body(body, made.status ?? 200, { 'content-type': HTML_TYPE })
      }
      return context.body(made.body, 200, {
        'content-type': made.type,
        'content-disposition': `attachment; filename="${made.name}"`,
      })
    })
  }
  for (const action of actions) {
    app.post(action.path, async (context) => {
      const actor = context.get('actor')
      if (!isAtLeast(actor, action.role))
        return refuse(context, 403, 'Not allowed', `This needs the role ${action.role}.`)
      if (action.needsValues === true && !actor.seesValues)
        return refuse(context, 403, 'Not allowed', 'This needs the right to see values of rows.')
      const form = new URLSearchParams(await context.req.text())
      if ([...form.values()].some((value) => value.includes('\0'))) return refuseNul(context)
      const request = { ...requestOf(context, actor), form }
      const answer = await action.submit(request)
      if ('goTo' in answer) return context.redirect(assertWithin(answer.goTo), 303)
      const body = documentOf(answer, request, undefined)
      return context.body(body, answer.status ?? 200, { 'content-type': HTML_TYPE })
    })
  }
  app.notFound((context) =>
    refuse(context, 404, 'No such page', 'Nothing is shown under this address.'),
  )
  app.onError((error, context) => {
    log.error({ reason: describeError(error), path: context.req.path }, 'a page failed')
    return refuse(
      context,
      500,
      'The console failed',
      'This is a defect of the console; its log says more. Relay and gateway are not touched by it.',
    )
  })
  return app
}
