import { SECURITY_HEADERS } from '@hq-export/console/http/security-headers.ts'
import { ACTIONS, SCREENS } from '@hq-export/console/screens.ts'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { basic, ConsoleSite } from '../support/console/console-site.ts'
import { CONSOLE_PASSWORD, consoleUsers } from '../support/console/password-users.ts'
import { RawConnection } from '../support/network/raw-connection.ts'

// No database is needed to be refused.
const NOWHERE = { HQ_DATABASE_URL: 'postgres://127.0.0.1:1/hq' }
const ADMIN = basic('admin', CONSOLE_PASSWORD)

async function siteOfUsers(env: Record<string, string> = {}): Promise<ConsoleSite> {
  return ConsoleSite.start({ ...NOWHERE, CONSOLE_USERS: await consoleUsers(), ...env })
}

/** What is answered to bytes that no HTTP client would send, until the connection ends. */
async function answerTo(site: ConsoleSite, lines: readonly string[]): Promise<string> {
  using connection = new RawConnection(site.url)
  connection.send(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`)
  return await connection.closed()
}

function headersIn(answer: string): Record<string, string> {
  const [head = ''] = answer.split('\r\n\r\n')
  const lines = head.split('\r\n').slice(1)
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 2),
    ]),
  )
}

test('every answer has the headers that keep it safe, refusals and errors too', async () => {
  await using site = await siteOfUsers()
  const answers = {
    page: await site.get('/about', ADMIN),
    'not found': await site.get('/nowhere', ADMIN),
    'not signed in': await site.get('/about'),
    'other host': await site.get('/about', { host: 'evil.example' }),
    'other site': await site.post('/nowhere', {}, { ...ADMIN, 'sec-fetch-site': 'cross-site' }),
    'no such action': await site.post('/nowhere', {}, ADMIN),
    'too large': await site.post('/nowhere', { x: 'x'.repeat(64 * 1024) }, ADMIN),
    alive: await site.get('/livez'),
    'no asset': await site.get('/assets/x/console.ts'),
  }
  expect(
    Object.fromEntries(Object.entries(answers).map(([name, { status }]) => [name, status])),
  ).toStrictEqual({
    page: 200,
    'not found': 404,
    'not signed in': 401,
    'other host': 421,
    'other site': 403,
    'no such action': 404,
    'too large': 413,
    alive: 200,
    'no asset': 404,
  })
  for (const { headers } of Object.values(answers)) expect(headers).toMatchObject(SECURITY_HEADERS)
  const wrongMethod = await request(`${site.url}/about`, { method: 'DELETE' })
  expect(wrongMethod.statusCode).toBe(405)
  expect(wrongMethod.headers).toMatchObject({ ...SECURITY_HEADERS, allow: 'GET, HEAD, POST' })
  await wrongMethod.body.dump()
  const { headers, status } = await site.get('/about', {
    ...ADMIN,
    'if-none-match': String(answers.page.headers.etag),
  })
  expect(status).toBe(304)
  expect(headers).toMatchObject(SECURITY_HEADERS)
})

test('the policy lets nothing inline run, nothing frame it, no form leave it', () => {
  expect(SECURITY_HEADERS['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
      "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  )
})

test('is reached by its names alone, whatever a proxy is told (DNS rebinding)', async () => {
  await using site = await ConsoleSite.start({ ...NOWHERE, CONSOLE_HOSTS: 'console.example' })
  const statusOf = async (headers: Record<string, string>) =>
    (await site.get('/about', headers)).status
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'evil.example:8083',
    'localhost.',
    '',
  ]) {
    expect([host, await statusOf({ host })]).toStrictEqual([host, 421])
  }
  for (const host of [
    'localhost',
    'LocalHost:1',
    '127.0.0.1:8083',
    '[::1]',
    '[::1]:8083',
    'console.example',
  ]) {
    expect([host, await statusOf({ host })]).toStrictEqual([host, 200])
  }
  const forwarded = { 'x-forwarded-host': 'localhost', forwarded: 'host=localhost' }
  expect(await statusOf({ host: 'evil.example', ...forwarded })).toBe(421)
  expect(await statusOf({ 'x-forwarded-host': 'evil.example' })).toBe(200)
})

test('a request that names no host, or two, or another one in its first line, gets nothing', async () => {
  await using site = await ConsoleSite.start(NOWHERE)
  const cases: [readonly string[], number][] = [
    [['GET /about HTTP/1.1'], 400],
    [['GET /about HTTP/1.0'], 421],
    [['GET /about HTTP/1.1', 'host: evil.example', 'host: localhost'], 421],
    [['GET http://evil.example/about HTTP/1.1', 'host: localhost'], 421],
    [['GET http://localhost/about HTTP/1.1', 'host: evil.example'], 421],
    [['GET /about HTTP/1.1', 'host: local host'], 400],
    [['GET /a\\b HTTP/1.1', 'host: localhost'], 400],
    [['TRACE /about HTTP/1.1', 'host: localhost'], 405],
  ]
  for (const [lines, status] of cases) {
    const answer = await answerTo(site, lines)
    expect([lines, answer.slice(0, 12)]).toStrictEqual([lines, `HTTP/1.1 ${status}`])
    const [, body] = answer.split('\r\n\r\n')
    if (body !== '' && body !== '0') expect(headersIn(answer)).toMatchObject(SECURITY_HEADERS)
  }
})

test('assets are kept for ever, under an address of their content; no path leads out of them', async () => {
  await using site = await siteOfUsers()
  const { text } = await site.get('/about', ADMIN)
  const paths = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) =>
    String(path),
  )
  expect(paths.length).toBeGreaterThan(1)
  for (const path of paths) {
    const { status, headers, text: content } = await site.get(path)
    expect([path, status]).toStrictEqual([path, 200])
    expect(headers).toMatchObject({
      ...SECURITY_HEADERS,
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect(content.length).toBeGreaterThan(100)
    const type = path.endsWith('.css')
      ? 'text/css; charset=utf-8'
      : 'text/javascript; charset=utf-8'
    expect(headers['content-type']).toBe(type)
  }
  const [folder] = /^\/assets\/[^/]+/.exec(paths[0] ?? '') ?? []
  for (const path of [
    `${folder}/..%2f..%2fpackage.json`,
    `${folder}/%2e%2e/%2e%2e/package.json`,
    `${folder}/../../package.json`,
    `${folder}/style.css%00`,
    `${folder}/`,
    '/assets//etc/passwd',
    '//evil.example/assets',
  ]) {
    const answer = await answerTo(site, [`GET ${path} HTTP/1.1`, 'host: localhost'])
    expect([path, answer.slice(9, 12)]).toStrictEqual([path, expect.stringMatching(/40[014]/)])
    expect(answer).not.toMatch(/root:|"dependencies"/)
  }
})

test('only a form of the console itself changes anything (CSRF)', async () => {
  await using site = await siteOfUsers()
  const form = 'application/x-www-form-urlencoded'
  const post = async (headers: Record<string, string>) => {
    const answer = await request(`${site.url}/nowhere`, {
      method: 'POST',
      headers: { ...ADMIN, ...headers },
      body: 'a=b',
    })
    await answer.body.dump()
    return answer.statusCode
  }
  const own = { 'content-type': form, 'sec-fetch-site': 'same-origin' }
  // 404: it was taken, and there is no such action.
  const cases: [string, Record<string, string>, number][] = [
    ['same origin', own, 404],
    ['charset', { ...own, 'content-type': `${form}; charset=UTF-8` }, 404],
    ['by origin, where the browser says no site', { 'content-type': form, origin: site.url }, 404],
    ['other site', { ...own, 'sec-fetch-site': 'cross-site' }, 403],
    ['other port of the same site', { ...own, 'sec-fetch-site': 'same-site' }, 403],
    ['no page at all', { ...own, 'sec-fetch-site': 'none' }, 403],
    [
      'other site that claims our origin',
      { ...own, 'sec-fetch-site': 'cross-site', origin: site.url },
      403,
    ],
    ['twice', { ...own, 'sec-fetch-site': 'same-origin, cross-site' }, 403],
    ['other origin', { 'content-type': form, origin: 'http://127.0.0.1:1' }, 403],
    ['TLS origin', { 'content-type': form, origin: site.url.replace('http', 'https') }, 403],
    ['no origin', { 'content-type': form, origin: 'null' }, 403],
    ['neither', { 'content-type': form }, 403],
    ['referer alone', { 'content-type': form, referer: `${site.url}/` }, 403],
    ['JSON', { ...own, 'content-type': 'application/json' }, 403],
    ['plain text', { ...own, 'content-type': 'text/plain' }, 403],
    ['file upload', { ...own, 'content-type': 'multipart/form-data; boundary=x' }, 403],
    ['no type', { 'sec-fetch-site': 'same-origin' }, 403],
  ]
  const got = []
  for (const [name, headers] of cases) got.push([name, await post(headers)])
  expect(got).toStrictEqual(cases.map(([name, , status]) => [name, status]))
})

test('behind TLS its origin is the one of its settings', async () => {
  await using site = await siteOfUsers({ CONSOLE_URL: 'https://console.example' })
  const statusFrom = async (origin: string) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const options = { method: 'POST', headers: { ...ADMIN, ...form, origin }, body: '' } as const
    const answer = await request(`${site.url}/nowhere`, options)
    await answer.body.dump()
    return answer.statusCode
  }
  expect(await statusFrom('https://console.example')).toBe(404)
  expect(await statusFrom('http://console.example')).toBe(403)
  expect(await statusFrom(site.url)).toBe(403)
})

test('pages of other sites may link to it, and read or frame nothing', async () => {
  await using site = await ConsoleSite.start(NOWHERE)
  const cases: [string, string, string, number][] = [
    ['cross-site', 'navigate', 'document', 200],
    ['same-origin', 'cors', 'empty', 200],
    ['none', 'navigate', 'document', 200],
    ['cross-site', 'no-cors', 'image', 403],
    ['same-site', 'cors', 'empty', 403],
    ['cross-site', 'navigate', 'iframe', 403],
  ]
  for (const [from, mode, destination, status] of cases) {
    const headers = {
      'sec-fetch-site': from,
      'sec-fetch-mode': mode,
      'sec-fetch-dest': destination,
    }
    const found = (await site.get('/about', headers)).status
    expect([headers, found]).toStrictEqual([headers, status])
  }
})

test('a method is what it says it is', async () => {
  await using site = await siteOfUsers()
  for (const header of ['x-http-method-override', 'x-method-override', 'x-http-method']) {
    const get = await site.get('/about?_method=POST', { ...ADMIN, [header]: 'POST' })
    expect(get.status).toBe(200)
  }
  const head = await request(`${site.url}/about`, { method: 'HEAD', headers: ADMIN })
  expect([head.statusCode, await head.body.text()]).toStrictEqual([200, ''])
  expect(head.headers).toMatchObject(SECURITY_HEADERS)
})

test('a form without end is refused before it is read', async () => {
  await using site = await siteOfUsers()
  const lines = [
    'POST /nowhere HTTP/1.1',
    'host: localhost',
    `authorization: ${ADMIN.authorization}`,
    'sec-fetch-site: same-origin',
    'content-type: application/x-www-form-urlencoded',
  ]
  using announced = new RawConnection(site.url)
  announced.send([...lines, 'content-length: 1000000000', '', ''].join('\r\n'))
  expect(await announced.received(/<\/html>/)).toMatch(/^HTTP\/1\.1 413/)
  using chunked = new RawConnection(site.url)
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
  chunked.send([...lines, 'transfer-encoding: chunked', '', chunk.repeat(3)].join('\r\n'))
  expect(await chunked.received(/<\/html>/)).toMatch(/^HTTP\/1\.1 413/)
})

test('headers that are too long are refused by what reads them', async () => {
  await using site = await siteOfUsers()
  const answer = await answerTo(site, [
    'GET /about HTTP/1.1',
    'host: localhost',
    `authorization: Basic ${'A'.repeat(20_000)}`,
  ])
  expect(answer).toMatch(/^HTTP\/1\.1 431/)
})

test('nobody who has not signed in learns what is here, by any method', async () => {
  await using site = await siteOfUsers({
    CONSOLE_ENVIRONMENT: 'production',
    CONSOLE_READ_ONLY: 'true',
  })
  const answers = [
    await site.get('/'),
    await site.get('/nowhere'),
    await site.post('/nowhere', {}),
    ...(await Promise.all(SCREENS.map(({ path }) => site.get(path)))),
    ...(await Promise.all(ACTIONS.map(({ path }) => site.post(path, {})))),
  ]
  expect(new Set(answers.map(({ status }) => status))).toStrictEqual(new Set([401]))
  for (const { text } of answers) expect(text).toMatch(/^Not signed in: .*\.\n$/)
})

test('one actor never sees the page that was made for another', async () => {
  await using site = await siteOfUsers()
  const names = ['viewer', 'operator', 'admin', 'auditor']
  // Known by now: more passwords at once than are tried at once would be told to come again.
  for (const name of names)
    expect((await site.get('/help', basic(name, CONSOLE_PASSWORD))).status).toBe(200)
  const pages = await Promise.all(
    names.flatMap((name) => [1, 2].map(() => site.get('/about', basic(name, CONSOLE_PASSWORD)))),
  )
  const seen = pages.map(({ text }) => /class="who">([^<]*)</.exec(text)?.[1])
  expect(seen).toStrictEqual(
    ['viewer · viewer', 'operator · operator', 'admin · admin', 'auditor · viewer+values'].flatMap(
      (who) => [who, who],
    ),
  )
  const etagOf = new Map(pages.map(({ headers, text }) => [text, headers.etag]))
  expect(new Set(etagOf.values()).size).toBe(names.length)
  const stolen = { 'if-none-match': String(pages[0]?.headers.etag) }
  const other = await site.get('/about', { ...basic('admin', CONSOLE_PASSWORD), ...stolen })
  expect(other.status).toBe(200)
})
