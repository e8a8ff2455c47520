import { expect, test } from 'vitest'
import { type AccessMode, Authenticator, PROXY_SECRET_HEADER } from './authenticate.ts'
import { hashPassword } from './password.ts'
import { parseGroupRights, parseUsers } from './users.ts'

const PASSWORD = 'correct horse battery'
const CHEAP = { logN: 4, r: 1, p: 1 }
const HASH = await hashPassword(PASSWORD, CHEAP)
const USERS: AccessMode = {
  kind: 'users',
  users: parseUsers(`ada:operator:${HASH} bob:viewer:${await hashPassword('another one', CHEAP)}`)
    .users,
}
const SECRET = 'a secret of the proxy'
const PROXY: AccessMode = {
  kind: 'proxy',
  userHeader: 'x-forwarded-user',
  groupsHeader: 'x-forwarded-groups',
  groups: parseGroupRights('ops=operator auditors=viewer+values').groups,
  secret: SECRET,
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}

function ask(authenticator: Authenticator, headers: Readonly<Record<string, string>>) {
  return authenticator.authenticate((name) => headers[name])
}

function signIn(authenticator: Authenticator, authorization: string) {
  return ask(authenticator, { authorization })
}

test('nobody is asked who they are, and then may look and no more', async () => {
  expect(await ask(new Authenticator({ kind: 'open' }), {})).toStrictEqual({
    kind: 'actor',
    actor: { name: undefined, role: 'viewer', seesValues: false },
  })
})

test('name and password make somebody who they are', async () => {
  const authenticator = new Authenticator(USERS)
  expect(await signIn(authenticator, basic('ada', PASSWORD))).toStrictEqual({
    kind: 'actor',
    actor: { name: 'ada', role: 'operator', seesValues: false },
  })
})

test.each([
  ['nothing', ''],
  ['a wrong password', basic('ada', 'wrong')],
  ['an unknown name with a known password', basic('eve', PASSWORD)],
  ["another's password", basic('bob', PASSWORD)],
  ['a name in other letters', basic('ADA', PASSWORD)],
  ['no password', basic('ada', '')],
  ['no colon', `Basic ${Buffer.from('ada').toString('base64')}`],
  ['a token', `Bearer ${PASSWORD}`],
  ['two headers', `${basic('ada', PASSWORD)}, ${basic('ada', PASSWORD)}`],
  ['no base64', 'Basic ada:correct'],
  ['as much as a header may have', `Basic ${'A'.repeat(16_000)}`],
])('is not signed in: %s', async (_, authorization) => {
  expect(await signIn(new Authenticator(USERS), authorization)).toMatchObject({ kind: 'unknown' })
})

test('a flood of wrong passwords tries two at a time, and shuts nobody out who is in', async () => {
  const authenticator = new Authenticator(USERS)
  const good = basic('ada', PASSWORD)
  await signIn(authenticator, good)
  const flood = Array.from({ length: 50 }, (_, i) => signIn(authenticator, basic('ada', `${i}`)))
  expect(await signIn(authenticator, good)).toMatchObject({ kind: 'actor' })
  const kinds = (await Promise.all(flood)).map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'unknown')).toHaveLength(2)
  expect(kinds.filter((kind) => kind === 'busy')).toHaveLength(48)
})

test('ten tabs of one person, after the console has started again, sign in as one', async () => {
  const authenticator = new Authenticator(USERS)
  const tabs = Array.from({ length: 10 }, () => signIn(authenticator, basic('ada', PASSWORD)))
  expect((await Promise.all(tabs)).map(({ kind }) => kind)).toStrictEqual(Array(10).fill('actor'))
})

test('who signed in is remembered for ten minutes, and tried again then', async () => {
  const clock = { now: 0 }
  const authenticator = new Authenticator(USERS, () => clock.now)
  const good = basic('ada', PASSWORD)
  await signIn(authenticator, good)
  const busy = () => [1, 2].map((i) => signIn(authenticator, basic('bob', `wrong ${i}`)))
  clock.now = 599_999
  const first = busy()
  expect(await signIn(authenticator, good)).toMatchObject({ kind: 'actor' })
  await Promise.all(first)
  clock.now = 600_000
  const second = busy()
  expect(await signIn(authenticator, good)).toMatchObject({ kind: 'busy' })
  await Promise.all(second)
  expect(await signIn(authenticator, good)).toMatchObject({ kind: 'actor' })
})

test.each([
  ['no secret', { 'x-forwarded-user': 'ada', 'x-forwarded-groups': 'ops' }],
  ['a wrong secret', { [PROXY_SECRET_HEADER]: 'wrong', 'x-forwarded-user': 'ada' }],
  [
    'the secret twice',
    { [PROXY_SECRET_HEADER]: `${SECRET}, ${SECRET}`, 'x-forwarded-user': 'ada' },
  ],
  ['no name', { [PROXY_SECRET_HEADER]: SECRET }],
  ['an empty name', { [PROXY_SECRET_HEADER]: SECRET, 'x-forwarded-user': '' }],
  ['two names', { [PROXY_SECRET_HEADER]: SECRET, 'x-forwarded-user': 'eve, ada' }],
  ['a name without end', { [PROXY_SECRET_HEADER]: SECRET, 'x-forwarded-user': 'a'.repeat(201) }],
])('a proxy is not believed with %s', async (_, headers) => {
  expect(await ask(new Authenticator(PROXY), headers)).toMatchObject({ kind: 'unknown' })
})

test.each([
  ['', 'viewer', false],
  ['others', 'viewer', false],
  ['ops', 'operator', false],
  [' auditors , ops ', 'operator', true],
  ['OPS', 'viewer', false],
])('groups %j of a proxy make rights', async (groups, role, seesValues) => {
  const headers = {
    [PROXY_SECRET_HEADER]: SECRET,
    'x-forwarded-user': 'ada',
    'x-forwarded-groups': groups,
  }
  expect(await ask(new Authenticator(PROXY), headers)).toStrictEqual({
    kind: 'actor',
    actor: { name: 'ada', role, seesValues },
  })
})
