import { expect, test } from 'vitest'
import { parseGroupRights, parseUsers } from './users.ts'

const HASH = `scrypt$16$8$2$${'A'.repeat(22)}$${'A'.repeat(43)}`

test('users have a role, and see values only where it says so', () => {
  const { users, problems } = parseUsers(
    `ada:operator+values:${HASH}, bob@hq.example:viewer:${HASH}`,
  )
  expect(problems).toStrictEqual([])
  expect(users).toMatchObject([
    { name: 'ada', role: 'operator', seesValues: true },
    { name: 'bob@hq.example', role: 'viewer', seesValues: false },
  ])
})

test.each([
  ['', 'must name somebody'],
  [`:viewer:${HASH}`, 'entry 1 must begin with a name and a colon'],
  [`<b>:viewer:${HASH}`, 'entry 1 must begin with a name and a colon'],
  [
    `ada:root:${HASH}`,
    'entry 1 must have a role: viewer, operator or admin, with +values if wanted',
  ],
  [
    `ada:values:${HASH}`,
    'entry 1 must have a role: viewer, operator or admin, with +values if wanted',
  ],
  ['ada:viewer:secret', 'entry 1 must end with what "npm run console -- hash-password" prints'],
  [`ada:viewer:${HASH}:x`, 'entry 1 must end with what "npm run console -- hash-password" prints'],
  [`ada:viewer:${HASH} ada:admin:${HASH}`, 'entry 2 names ada again'],
])('says what is wrong with %j, and never a secret', (text, problem) => {
  expect(parseUsers(text).problems).toStrictEqual([problem])
})

test('groups have rights; a name may have an equals sign in it', () => {
  const { groups, problems } = parseGroupRights('hq-ops=operator cn=admins=admin+values x viewer=')
  expect([...groups]).toStrictEqual([
    ['hq-ops', { role: 'operator', seesValues: false }],
    ['cn=admins', { role: 'admin', seesValues: true }],
  ])
  expect(problems).toStrictEqual([
    'entry 3 must be group=role, the role as in CONSOLE_USERS',
    'entry 4 must be group=role, the role as in CONSOLE_USERS',
  ])
})
