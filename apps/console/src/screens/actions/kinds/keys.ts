import { KeyFormatError } from '@hq-export/contract'
import { lockKeys, MAX_LIVE_KEYS } from '@hq-export/hq-ingest/keys/add-key.ts'
import {
  createHmacMaterial,
  type KeyMaterial,
  readPublicMaterial,
} from '@hq-export/hq-ingest/keys/key-material.ts'
import { isLive, type ListedKey, listKeys } from '@hq-export/hq-ingest/keys/list-keys.ts'
import { revokeKey } from '@hq-export/hq-ingest/keys/revoke-key.ts'
import { chooseRotated, rotateKey } from '@hq-export/hq-ingest/keys/rotate-key.ts'
import type pg from 'pg'
import { beginAction, readAction } from '../../../actions/action.ts'
import { attempt } from '../../../db/attempt.ts'
import { checkField, textField } from '../../../page/form.ts'
import type { FormAnswer, FormRequest } from '../../../page/form-action.ts'
import { type Content, html } from '../../../page/html.ts'
import { panel, readPanel } from '../../../page/panel.ts'
import type { PageRequest } from '../../../page/screen.ts'
import { facts } from '../../../page/table.ts'
import { badge, commandLine, moment } from '../../../page/text.ts'
import {
  type ActionKind,
  actionHref,
  confirmForm,
  equivalent,
  goOn,
  NOT_A_FORM,
  nameOf,
  noticeOf,
  operationOf,
  refusal,
  shellWord,
} from './kind.ts'

const ID_PATTERN = /^[\w-]{1,64}$/
const OVERLAP_HOURS = 24

/** Keys that sign at this moment: one that is still to come does not keep a source alive. */
function worksNow({ state }: ListedKey): boolean {
  return state === 'active' || state === 'retiring'
}

async function findKey(client: pg.ClientBase, id: string) {
  const all = await listKeys(client)
  const key = all.find((known) => known.id === id)
  const others = all.filter((other) => other.source === key?.source && other.id !== id)
  return { key, others, isLast: key !== undefined && worksNow(key) && !others.some(worksNow) }
}

function describeKey(
  key: ListedKey,
  others: readonly ListedKey[],
  isLast: boolean,
  effect: Content,
): Content {
  return facts('effect-facts', [
    ['key', html`${key.id} of ${key.source}${key.label === null ? '' : ` (${key.label})`}`],
    ['state', badge(isLive(key) ? 'good' : 'unknown', key.state)],
    ['last used', moment(key.lastUsedAt)],
    ['other keys of the source that work', String(others.filter(worksNow).length)],
    ['effect', effect],
    ...(isLast
      ? [['careful', badge('bad', 'the last key of the source that works')] as const]
      : []),
  ])
}

interface KeyWording {
  readonly name: string
  readonly title: string
  readonly button: string
  readonly effect: string
  readonly command: (id: string) => string
  readonly fields: (request: PageRequest, found: Awaited<ReturnType<typeof findKey>>) => Content
  /** What stands in the way; the key can be rotated or revoked without. */
  readonly obstacle?: (request: PageRequest, key: ListedKey) => string | undefined
  /** In the transaction that holds all keys. @returns what to show, or what is wrong. */
  readonly change: (
    client: pg.ClientBase,
    request: FormRequest,
    found: Awaited<ReturnType<typeof findKey>> & { readonly key: ListedKey },
  ) => Promise<{ readonly problem: string } | { readonly secret: string | undefined }>
}

/** The one time that a secret is shown. */
function showSecret(id: string, secret: string): FormAnswer {
  return {
    title: 'The key is rotated',
    content: panel(
      { id: 'secret', title: 'Secret of the new key, shown this once' },
      html`${commandLine(secret)}
<p>Put it into HQ_SIGNING_SECRET of the relay, beside the old one or in its place. Gateways
believe it within 5 seconds, and the old one for ${OVERLAP_HOURS} hours more.</p>
<p><a href="${actionHref(id)}">The action on record</a>, without the secret.</p>`,
    ),
  }
}

function keyKind(wording: KeyWording): ActionKind {
  const { name, title, button, effect, command, fields, obstacle, change } = wording

  async function show(request: PageRequest, notice?: Content) {
    const id = request.query.get('key') ?? ''
    if (!ID_PATTERN.test(id)) return refusal(404, title, 'The address does not say which key.')
    const reading = await request.hq.read((client) => findKey(client, id))
    const content = readPanel({ id: 'effect', title: 'What it does' }, reading, (found) => {
      const { key, others, isLast } = found
      if (key === undefined) return noticeOf('There is no such key.')
      const why = obstacle?.(request, key)
      const typed = textField({ name: 'typed', label: `Type ${id}`, isRequired: true })
      return html`${describeKey(key, others, isLast, effect)}${
        why === undefined
          ? confirmForm(request, name, {
              hidden: [['key', id]],
              fields: html`${typed}${fields(request, found)}`,
              button,
              isDangerous: true,
            })
          : noticeOf(why)
      }`
    })
    return { title, content: html`${noticeOf(notice)}${content}${equivalent(command(id))}` }
  }

  async function submit(request: FormRequest): Promise<FormAnswer> {
    const { form, changes, actor } = request
    const id = operationOf(request)
    const keyId = form.get('key') ?? ''
    if (id === undefined || !ID_PATTERN.test(keyId)) return NOT_A_FORM
    const again = async (status: 400 | 409, problem: string) => ({
      ...(await show({ ...request, query: form }, `Nothing was done: ${problem}.`)),
      status,
    })
    if (form.get('typed')?.trim() !== keyId) return again(400, 'the id that was typed is another')
    const attempted = await attempt(changes.hq, async (client) => {
      if ((await readAction(client, 'hq', id)) !== undefined) return { secret: undefined }
      await lockKeys(client)
      const asked = { id, kind: name, actor: nameOf(actor), reason: undefined }
      const selection = { key: keyId }
      // Behind the lock: the same form, sent twice at once, finds the first here.
      const isNew = await beginAction(client, 'hq', { ...asked, selection, through: undefined })
      if (!isNew) return { secret: undefined }
      const found = await findKey(client, keyId)
      const { key } = found
      if (key === undefined) throw new ProblemError('there is no such key')
      const result = await change(client, request, { ...found, key })
      if ('problem' in result) throw new ProblemError(result.problem)
      return result
    }).catch((error: unknown) => {
      if (error instanceof ProblemError) return { problem: error.message }
      throw error
    })
    if ('problem' in attempted) return again(409, attempted.problem)
    return goOn(attempted, id, ({ secret }) =>
      secret === undefined ? { goTo: actionHref(id) } : showSecret(id, secret),
    )
  }

  return { name, title, role: 'admin', show, submit }
}

/** Nothing is to be written. */
class ProblemError extends Error {
  override readonly name = 'ProblemError'
}

function successorOf(
  key: ListedKey,
  { form, changes }: FormRequest,
): KeyMaterial | { readonly problem: string } {
  if (key.kind === 'hmac') {
    const { masterKey } = changes
    return masterKey === undefined
      ? { problem: 'INGEST_MASTER_KEY is not set here' }
      : createHmacMaterial(key.source, masterKey)
  }
  try {
    return readPublicMaterial(form.get('publicKey')?.trim() ?? '')
  } catch (error) {
    // The text is not repeated: it may be a secret in the wrong place.
    if (error instanceof KeyFormatError) return { problem: `the public key ${error.message}` }
    throw error
  }
}

const rotate = keyKind({
  name: 'key.rotate',
  title: 'Rotate a key',
  button: 'Rotate',
  effect: `a key with the same rights works at once, and this one for ${OVERLAP_HOURS} hours more`,
  command: (id) => `npm run ingest -- keys rotate --key ${shellWord(id)}`,
  obstacle: ({ changes: { masterKey } }, { kind, state }) => {
    if (state !== 'active' && state !== 'retiring') return `It is ${state}: nothing to rotate.`
    return kind === 'hmac' && masterKey === undefined
      ? 'INGEST_MASTER_KEY is not set for the console, so it can make no secret: use the command.'
      : undefined
  },
  fields: (_, { key }) =>
    key?.kind === 'ed25519'
      ? textField({
          name: 'publicKey',
          label: 'Public key of the new one (whpk_...)',
          isRequired: true,
        })
      : '',
  change: async (client, request, { key }) => {
    const choice = await chooseRotated(client, { id: key.id })
    if (choice.kind !== 'chosen') return { problem: 'the key does not work now' }
    const material = successorOf(key, request)
    if ('problem' in material) return material
    const addition = await rotateKey(client, key, material, {
      actor: nameOf(request.actor),
      overlapSeconds: OVERLAP_HOURS * 3_600,
    })
    if (addition.kind === 'too_many')
      return { problem: `${key.source} has ${MAX_LIVE_KEYS} keys already; revoke one first` }
    if (addition.kind === 'known') return { problem: 'HQ knows this public key already' }
    return { secret: material.kind === 'hmac' ? material.secret : undefined }
  },
})

const revoke = keyKind({
  name: 'key.revoke',
  title: 'Revoke a key',
  button: 'Revoke for good',
  effect: 'gateways refuse what it signs within 5 seconds, for good',
  command: (id) => `npm run ingest -- keys revoke ${shellWord(id)}`,
  obstacle: (_, { state }) => {
    if (state === 'revoked') return 'It is revoked already.'
    return state === 'environment' ? 'It stands in INGEST_KEYS: take it out there.' : undefined
  },
  fields: (_, { key, isLast }) =>
    isLast
      ? checkField('force', `Leave ${key?.source} without any key: nothing it sends is taken then`)
      : '',
  change: async (client, { form, actor }, { key, isLast }) => {
    if (isLast && form.get('force') !== 'yes')
      return { problem: `it is the last key of ${key.source} that works` }
    const revocation = await revokeKey(client, key.id, nameOf(actor))
    if (revocation.kind === 'revoked') return { secret: undefined }
    return { problem: `the key cannot be revoked here: ${revocation.kind}` }
  },
})

/** Keys that sources sign with. */
export const KEY_KINDS: readonly ActionKind[] = [rotate, revoke]
