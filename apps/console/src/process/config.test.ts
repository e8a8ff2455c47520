import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadConfig, SETTING_NAMES } from './config.ts'

const HQ = { HQ_DATABASE_URL: 'postgres://127.0.0.1/hq' }
const HASH = `scrypt$16$8$2$${'A'.repeat(22)}$${'A'.repeat(43)}`
const USERS = { CONSOLE_USERS: `ada:operator:${HASH}` }
const PROXY = { CONSOLE_USER_HEADER: 'X-Forwarded-User' }
const SECRET = 'a secret of the proxy'

test('without settings beside a database: on loopback, and nobody can change anything', () => {
  expect(loadConfig(HQ)).toMatchObject({
    host: '127.0.0.1',
    port: 8083,
    hosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1'],
    access: { kind: 'open' },
    isReadOnly: false,
    dxDatabaseUrl: undefined,
  })
})

test('is reached by the names of its settings', () => {
  const env = { ...HQ, ...USERS, CONSOLE_URL: 'https://Console.example/' }
  expect(
    loadConfig({ ...env, CONSOLE_HOST: '::1', CONSOLE_HOSTS: 'A.example b.example' }),
  ).toMatchObject({
    url: 'https://console.example',
    hosts: [
      'localhost',
      '127.0.0.1',
      '[::1]',
      '[::1]',
      'a.example',
      'b.example',
      'console.example',
    ],
  })
})

test('headers of a proxy have names in lower case, as requests have them', () => {
  const access = { CONSOLE_PROXY_SECRET: SECRET, CONSOLE_GROUPS: 'ops=operator' }
  expect(loadConfig({ ...HQ, ...PROXY, ...access }).access).toStrictEqual({
    kind: 'proxy',
    userHeader: 'x-forwarded-user',
    groupsHeader: 'x-forwarded-groups',
    groups: new Map([['ops', { role: 'operator', seesValues: false }]]),
    secret: SECRET,
  })
})

test.each<[Record<string, string>, RegExp]>([
  [{}, /HQ_DATABASE_URL or DX_DATABASE_URL must be set/],
  [{ ...HQ, HQ_DATABASE_URL: 'mysql://x' }, /HQ_DATABASE_URL must be a postgres:\/\/ URL/],
  [{ ...HQ, ...USERS, ...PROXY, CONSOLE_PROXY_SECRET: SECRET }, /cannot both say who asks/],
  [{ ...HQ, ...PROXY }, /CONSOLE_PROXY_SECRET must be set with CONSOLE_USER_HEADER/],
  [{ ...HQ, ...PROXY, CONSOLE_PROXY_SECRET: 'short' }, /at least 16 characters; received <set>/],
  [{ ...HQ, CONSOLE_HOST: '0.0.0.0' }, /CONSOLE_HOST must be on loopback/],
  [{ ...HQ, CONSOLE_HOST: '::' }, /CONSOLE_HOST must be on loopback/],
  [{ ...HQ, CONSOLE_HOST: '127.evil.example' }, /CONSOLE_HOST must be on loopback/],
  [{ ...HQ, ...USERS, CONSOLE_HOST: '0.0.0.0' }, /CONSOLE_URL must be an https:\/\/ URL/],
  [{ ...HQ, ...USERS, CONSOLE_HOST: '0.0.0.0', CONSOLE_URL: 'http://c.example' }, /https:\/\/ URL/],
  [{ ...HQ, CONSOLE_URL: 'https://c.example/console' }, /scheme, host and port alone/],
  [{ ...HQ, CONSOLE_URL: 'javascript:alert(1)' }, /scheme, host and port alone/],
  [{ ...HQ, CONSOLE_USERS: `ada:root:${HASH}` }, /must have a role.*received <set>/],
  [{ ...HQ, CONSOLE_USERS: ',' }, /CONSOLE_USERS must name somebody/],
  [{ ...HQ, CONSOLE_USER_HEADER: 'x forwarded', CONSOLE_PROXY_SECRET: SECRET }, /name of a header/],
  [{ ...HQ, CONSOLE_GROUPS: 'ops=root' }, /CONSOLE_GROUPS entry 1 must be group=role/],
  [{ ...HQ, CONSOLE_READ_ONLY: 'yes' }, /CONSOLE_READ_ONLY must be true or false/],
  [{ ...HQ, CONSOLE_PORT: '65536' }, /CONSOLE_PORT must be a port/],
  [{ ...HQ, CONSOLE_JAEGER_URL: 'javascript:alert(1)' }, /CONSOLE_JAEGER_URL must be an http/],
])('does not start with %j', (env, problem) => {
  let message = 'it starts'
  try {
    loadConfig(env)
  } catch (error) {
    message = (error as Error).message
  }
  expect(message).toMatch(problem)
  expect(message).not.toContain(HASH)
})

test('docs/CONFIGURATION.md has a row for each setting', () => {
  const path = new URL('../../../../docs/CONFIGURATION.md', import.meta.url)
  const text = readFileSync(path, 'utf8')
  expect(SETTING_NAMES.filter((name) => !text.includes(`| \`${name}\` |`))).toStrictEqual([])
})
