import { isAtLeast } from '../../access/actor.ts'
import type { FormAction } from '../../page/form-action.ts'
import { html } from '../../page/html.ts'
import type { Screen } from '../../page/screen.ts'
import { refusal, submitPath } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'

/** What something would do, before it is done. Never read again by itself. */
export const newAction: Screen = {
  path: '/actions/new',
  isLive: false,
  show: async (request) => {
    const kind = KINDS.get(request.query.get('do') ?? '')
    if (kind === undefined)
      return refusal(404, 'No such action', 'The address does not say what is to be done.')
    if (!isAtLeast(request.actor, kind.role))
      return refusal(403, kind.title, `This needs the role ${kind.role}.`)
    const page = await kind.show(request)
    if (!request.isReadOnly) return page
    const notice = html`<p class="absence">This console is read-only: the form is refused.</p>`
    return { ...page, content: html`${notice}${page.content}` }
  },
}

/** The forms of all that can be done. */
export const ACTION_FORMS: readonly FormAction[] = [...KINDS.values()].flatMap(
  ({ name, role, submit }) =>
    submit === undefined ? [] : [{ path: submitPath(name), role, submit }],
)
