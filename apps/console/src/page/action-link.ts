import { isAtLeast, type Role } from '../access/actor.ts'
import { href } from './href.ts'
import { type Html, html, NOTHING } from './html.ts'
import type { PageRequest } from './screen.ts'

/**
 * A link to the page that asks before something is done; nothing for those who may not do it.
 * @param parameters what it is to be done to.
 */
export function actionLink(
  { isReadOnly, actor }: PageRequest,
  role: Role,
  title: string,
  parameters: Readonly<Record<string, string>>,
): Html {
  if (isReadOnly || !isAtLeast(actor, role)) return NOTHING
  return html`<a href="${href(['actions', 'new'], parameters)}">${title}</a>`
}
