import { type KeyState, type ListedKey, listKeys } from '@hq-export/hq-ingest/keys/list-keys.ts'
import { actionLink } from '../../page/action-link.ts'
import { type Content, type Html, html, NOTHING } from '../../page/html.ts'
import { isLookable } from '../../page/is-lookable.ts'
import { malformed } from '../../page/malformed.ts'
import { empty, readPanel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { table } from '../../page/table.ts'
import { badge, count, duration, moment, type Tone } from '../../page/text.ts'

const TITLE = 'Keys'
const DAY_MS = 86_400_000
/** As the doctor of HQ warns. */
const SOON_MS = 14 * DAY_MS
/** Of keys that are over, which are never deleted. */
const MAX_KEYS = 200

const TONES: Readonly<Record<KeyState, Tone>> = {
  pending: 'unknown',
  active: 'good',
  retiring: 'good',
  expired: 'bad',
  revoked: 'unknown',
  environment: 'good',
}

function ends({ notAfter, revokedAt, state }: ListedKey, now: number): Content {
  if (revokedAt !== null) return html`revoked ${moment(revokedAt)}`
  if (state === 'environment') return 'with INGEST_KEYS of the gateway'
  if (notAfter === null) return 'never'
  const left = Date.parse(notAfter) - now
  if (left <= 0) return moment(notAfter)
  const words = `in ${duration(left)}`
  return html`${moment(notAfter)} ${left < SOON_MS ? badge('warn', words) : words}`
}

function limits({ orgs, datasets, requestsPerMinute, bytesPerMinute, state }: ListedKey): string {
  if (state === 'environment') return 'as INGEST_KEYS says'
  const parts = [
    orgs === null ? 'every org' : `${orgs.length === 1 ? 'org' : 'orgs'} ${orgs.join(', ')}`,
    datasets === null ? 'every dataset' : datasets.join(', '),
    requestsPerMinute === null ? '' : `${count(requestsPerMinute)} requests a minute`,
    bytesPerMinute === null ? '' : `${count(bytesPerMinute)} bytes a minute`,
  ]
  return parts.filter((part) => part !== '').join('; ')
}

function actions(request: PageRequest, { id, state }: ListedKey): Html {
  if (state === 'environment' || state === 'revoked' || state === 'expired') return NOTHING
  return html`${actionLink(request, 'admin', 'Rotate', { do: 'key.rotate', key: id })} ${actionLink(request, 'admin', 'Revoke', { do: 'key.revoke', key: id })}`
}

function list(request: PageRequest, source: string | undefined, keys: readonly ListedKey[]): Html {
  const now = request.now()
  const isOver = ({ state }: ListedKey) => state === 'revoked' || state === 'expired'
  const live = keys.filter((key) => !isOver(key))
  const over = keys.filter(isOver)
  const shown = [...live, ...over].slice(0, Math.max(MAX_KEYS, live.length))
  return html`${table<ListedKey>({
    id: 'key-list',
    caption:
      'Keys that sign batches: those that may sign now, or will, and then those that are over',
    rows: shown,
    rowId: ({ id }) => id,
    empty:
      source === undefined
        ? 'No key: every batch is refused. Add one: npm run ingest -- keys add.'
        : 'This source has no key in HQ, and has used none of INGEST_KEYS.',
    columns: [
      { title: 'key', show: ({ id }) => html`<code>${id}</code>` },
      { title: 'source', show: (key) => key.source },
      { title: 'state', show: ({ state }) => badge(TONES[state], state) },
      { title: 'last used (UTC)', show: ({ lastUsedAt }) => moment(lastUsedAt) },
      {
        title: 'from',
        show: ({ notBefore }) => (notBefore === null ? 'at once' : moment(notBefore)),
      },
      { title: 'ends', show: (key) => ends(key, now) },
      { title: 'kind', show: ({ kind }) => kind ?? 'not told' },
      { title: 'may write', show: limits },
      { title: 'label', show: ({ label }) => label },
      { title: 'sealed by', show: ({ masterKeyId }) => masterKeyId ?? 'none' },
      { title: 'do', show: (key) => actions(request, key) },
    ],
  })}
${shown.length < keys.length ? empty(`${count(keys.length - shown.length)} more are over: npm run ingest -- keys list.`) : NOTHING}`
}

async function show(request: PageRequest): Promise<Page> {
  const source = request.query.get('source')?.trim() || undefined
  if (source !== undefined && !isLookable(source))
    return malformed(TITLE, 'no source has such a name')
  const reading = await request.hq.read((client) => listKeys(client, source))
  return {
    title: TITLE,
    content: html`<form method="get" action="/keys" class="filter" id="key-filter">
<label>source <input type="search" name="source" value="${source ?? ''}" maxlength="200" autocomplete="off"></label>
<button>Filter</button>
</form>
${readPanel({ id: 'keys', title: 'Keys in HQ' }, reading, (keys) => list(request, source, keys))}
${empty('Never the keys themselves: a secret is shown once, when it is made.')}`,
  }
}

/** Keys: when they end, when they were used last, what they may write; never a secret. */
export const keys: Screen = { path: '/keys', nav: { title: 'Keys', key: 'k' }, show }
