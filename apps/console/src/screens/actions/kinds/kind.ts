import { randomUUID } from 'node:crypto'
import type { Actor, Role } from '../../../access/actor.ts'
import { ACTION_ID_PATTERN } from '../../../actions/action.ts'
import type { Attempt } from '../../../db/attempt.ts'
import { changeForm, type FormOptions } from '../../../page/form.ts'
import type { FormAnswer, FormRequest } from '../../../page/form-action.ts'
import { href } from '../../../page/href.ts'
import { type Content, html, NOTHING } from '../../../page/html.ts'
import { panel } from '../../../page/panel.ts'
import type { Page, PageRequest } from '../../../page/screen.ts'
import { commandLine } from '../../../page/text.ts'

/** Something that can be done: what it would do is shown first, and then it is asked for. */
export interface ActionKind {
  /** As the audit says, such as `quarantine.discard`. */
  readonly name: string
  readonly title: string
  readonly role: Role
  /**
   * What it would do: counts, a sample, and a form with an id of its own.
   * @param notice why it is shown again.
   */
  readonly show: (request: PageRequest, notice?: Content) => Promise<Page>
  /** Absent: only a command can do it, and the page says which. */
  readonly submit?: (request: FormRequest) => Promise<FormAnswer>
}

/** Where an action is shown. */
export function actionHref(id: string): string {
  return href(['actions', id])
}

/** Path that the form of a kind is sent to. */
export function submitPath(kind: string): string {
  return href(['actions', kind])
}

/** Who did it. Where nobody is asked who they are, nothing can be done. */
export function nameOf({ name }: Actor): string {
  return name ?? 'unknown'
}

/** Id of the confirmation that a form belongs to; undefined where it was not one of ours. */
export function operationOf({ form }: FormRequest): string | undefined {
  const operation = form.get('operation') ?? ''
  return ACTION_ID_PATTERN.test(operation) ? operation : undefined
}

/**
 * The form that asks for it, with an id of its own, so that sending it twice does it once. Nothing
 * where nothing can be changed.
 */
export function confirmForm(
  { isReadOnly }: PageRequest,
  kind: string,
  options: Omit<FormOptions, 'id' | 'action'>,
): Content {
  if (isReadOnly) return NOTHING
  const hidden = [...options.hidden, ['operation', randomUUID()] as const]
  return changeForm({ id: 'confirm', action: submitPath(kind), ...options, hidden })
}

/** Why a confirmation is shown again. */
export function noticeOf(notice: Content): Content {
  return notice === undefined ? NOTHING : html`<p class="absence" role="alert">${notice}</p>`
}

/** A page that says why nothing was done. */
export function refusal(status: 400 | 403 | 404 | 409 | 503, title: string, why: Content): Page {
  return { title, status, content: html`<p class="absence" role="alert">${why}</p>` }
}

export const NOT_A_FORM = refusal(400, 'Nothing was done', 'The form is not one of these pages.')

/** Goes on to the action, or says that the database could not be asked. */
export function goOn<T>(attempted: Attempt<T>, id: string, then: (value: T) => FormAnswer) {
  if ('value' in attempted) return then(attempted.value)
  return refusal(
    503,
    'Not known to be done',
    html`${attempted.unreachable}. If it was done, it stands <a href="${actionHref(id)}">here</a>;
sending the same form again is safe.`,
  )
}

/**
 * Goes on to the action; or shows the confirmation again where a change found that there is nothing
 * to be done.
 * @param attempted undefined, or why nothing was done.
 */
export async function goOnOrAgain(
  attempted: Attempt<string | undefined>,
  id: string,
  show: (notice: string) => Promise<Page>,
): Promise<FormAnswer> {
  if ('value' in attempted && attempted.value !== undefined)
    return { ...(await show(`Nothing was done: ${attempted.value}.`)), status: 409 }
  return goOn(attempted, id, () => ({ goTo: actionHref(id) }))
}

/** The same as a command. */
export function equivalent(command: string): Content {
  return panel(
    { id: 'equivalent', title: 'As a command' },
    html`<p>The same from a shell that has the settings of relay or gateway:</p>
${commandLine(command)}`,
  )
}

/** A word of a command line, quoted where a shell would read it as something else. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
