import { createHash, randomUUID } from 'node:crypto'
import { bind } from '@hq-export/outbox-relay/binding/install/bind.ts'
import { BindingError } from '@hq-export/outbox-relay/binding/load-binding.ts'
import { CHECKS } from '@hq-export/outbox-relay/doctor/checks.ts'
import { runDoctor } from '@hq-export/outbox-relay/doctor/run-doctor.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLiveDatabase } from '../support/live-shape/live-databases.ts'
import { seededRandom } from '../support/random.ts'
import type { TestDatabase } from '../support/servers/databases.ts'

type Payload = Readonly<Record<string, unknown>> | null

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createLiveDatabase('data-engine-x')
  client = await database.connect()
})

afterAll(() => database[Symbol.asyncDispose]())

// The rule of the source, a second time and from its description alone
// ----------------------------------------------

/** RFC 9562, version 5, in the URL namespace. */
function uuid5(name: string): string {
  const namespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex')
  const hash = createHash('sha1').update(namespace).update(name, 'utf8').digest().subarray(0, 16)
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What Python's str.strip() takes away beyond what JavaScript's trim() does. */
const OTHER_BLANKS = new Set(['\u001c', '\u001d', '\u001e', '\u001f', '\u0085'])

function strip(text: string): string {
  const isBlank = (character: string): boolean =>
    OTHER_BLANKS.has(character) || character.trim() === ''
  const characters = Array.from(text)
  const first = characters.findIndex((character) => !isBlank(character))
  const last = characters.findLastIndex((character) => !isBlank(character))
  return characters.slice(first, last + 1).join('')
}

function firstText(payloads: readonly Payload[], names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const payload of payloads) {
      const value = payload?.[name]
      const text = typeof value === 'string' ? strip(value) : ''
      if (text !== '') return text
    }
  }
  return undefined
}

function domainOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  let domain = text.toLowerCase()
  const scheme = domain.indexOf('://')
  if (scheme >= 0) domain = domain.slice(scheme + 3).split(/[/?#]/)[0] ?? ''
  domain = domain.split('/')[0] ?? ''
  return domain.replace(/^www\./, '') || undefined
}

function expectedId(type: string, orgId: string, payloads: readonly Payload[]): string | null {
  const explicit = firstText(payloads, ['entity_id'])?.replaceAll('-', '')
  if (explicit !== undefined && /^[0-9a-f]{32}$/i.test(explicit))
    return explicit.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const linkedin = (...names: string[]) =>
    firstText(payloads, names)?.replace(/\/+$/, '').toLowerCase() || undefined
  const keys: Record<string, [string, string | undefined][]> = {
    company: [
      ['domain', domainOf(firstText(payloads, ['canonical_domain', 'company_domain', 'domain']))],
      ['linkedin', linkedin('linkedin_url', 'company_linkedin_url')],
      ['name', firstText(payloads, ['canonical_name', 'company_name', 'name'])?.toLowerCase()],
    ],
    person: [
      ['linkedin', linkedin('linkedin_url')],
      ['work_email', firstText(payloads, ['work_email', 'email'])?.toLowerCase()],
      ['full_name', firstText(payloads, ['full_name'])?.toLowerCase()],
    ],
  }
  const found = keys[type]?.find(([, value]) => value !== undefined)
  return found === undefined ? null : uuid5(`${type}:${orgId}:${found[0]}:${found[1]}`)
}

const TEXTS = [
  '',
  ' ',
  '\u2003\t',
  'Acme',
  '  ACME GmbH\n',
  'ÄÖÜ Straße',
  'ΟΔΟΣ',
  'İstanbul',
  'Ünïcode 🚀',
  'www.acme.example',
  'WWW.www.Acme.example/about/us',
  'https://www.acme.example:8443/x?y#z',
  'http://acme.example?utm=1',
  'https:///nothing',
  '/only/a/path',
  'https://www.LinkedIn.com/company/Acme///',
  'linkedin.com/in/ada/',
  '///',
  'Ada@Acme.Example ',
  '\u0085edge\u001f',
  '0191f2a0-0000-4000-8000-000000000001',
  '0191F2A0000040008000000000000001',
  'not-a-uuid',
] as const
const OTHERS = [null, 1, 1.5, true, [], {}, ['Acme'], { name: 'Acme' }] as const
const NAMES = [
  ['entity_id'],
  ['canonical_domain', 'company_domain', 'domain'],
  ['linkedin_url', 'company_linkedin_url'],
  ['canonical_name', 'company_name', 'name'],
  ['work_email', 'email'],
  ['full_name'],
].flat()

test('an entity id is the one that the source derives, over thousands of payloads', async () => {
  const random = seededRandom(5)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const draw = (): Payload => {
    if (random() < 0.1) return null
    const names = NAMES.filter(() => random() < 0.25)
    return Object.fromEntries(
      names.map((name) => [name, random() < 0.15 ? pick(OTHERS) : pick(TEXTS)]),
    )
  }
  const cases = Array.from({ length: 5000 }, () => {
    const [type, orgId, payloads] = [
      pick(['company', 'person', 'job']),
      randomUUID(),
      [draw(), draw()],
    ]
    return { type, orgId, payloads, expected: expectedId(type, orgId, payloads) }
  })
  const { rows } = await client.query<{ id: string | null }>(
    `select hq_export.entity_id(c.type, c."orgId", c.payloads -> 0,
       nullif(c.payloads -> 1, 'null')) as id
     from json_to_recordset($1::json) as c(type text, "orgId" uuid, payloads jsonb)`,
    [JSON.stringify(cases)],
  )
  const wrong = cases.filter(({ expected }, index) => rows[index]?.id !== expected)
  expect(wrong.slice(0, 3)).toEqual([])
  expect(rows).toHaveLength(cases.length)
  // The draw reaches every branch.
  expect(cases.filter(({ expected }) => expected === null).length).toBeGreaterThan(100)
  expect(new Set(cases.map(({ expected }) => expected)).size).toBeGreaterThan(1000)
})

test('known ids: a domain, a LinkedIn page, an address', async () => {
  const orgId = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
  const { rows } = await client.query(
    `select hq_export.entity_id('company', $1, '{"company_domain":"https://www.Acme.com/x"}')
         as domain,
       hq_export.entity_id('person', $1, '{"email":" Ada@Acme.com "}') as email,
       hq_export.entity_id('company', $1, '{}') as none`,
    [orgId],
  )
  expect(rows).toEqual([
    {
      domain: uuid5(`company:${orgId}:domain:acme.com`),
      email: uuid5(`person:${orgId}:work_email:ada@acme.com`),
      none: null,
    },
  ])
})

test('without uuid-ossp, bind says which extension is missing; elsewhere than in extensions, it finds it', async () => {
  await using other = await createLiveDatabase()
  const admin = await other.connect()
  await admin.query('create schema odd; alter extension "uuid-ossp" set schema odd')
  expect(await bind(other.url, 'data-engine-x')).toMatchObject({ changed: true })
  expect(
    (
      await admin.query(
        `select hq_export.entity_id('company', $1, '{"name":"x"}') is not null as ok`,
        [randomUUID()],
      )
    ).rows,
  ).toEqual([{ ok: true }])

  await using without = await createLiveDatabase()
  const owner = await without.connect()
  await owner.query('drop extension "uuid-ossp" cascade')
  const refused = await bind(without.url, 'data-engine-x').catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(BindingError)
  await admin.query('drop extension "uuid-ossp" cascade')
  const doctor = await runDoctor(other.url, CHECKS)
  expect(doctor.filter(({ state }) => state === 'fail')).toMatchObject([
    { check: 'sources', found: expect.stringContaining('extension uuid-ossp') },
    // No relay works here.
    { check: 'outbox' },
  ])
  expect(String(refused)).toContain(
    'extension uuid-ossp, which derives entity ids, is not installed',
  )
})
