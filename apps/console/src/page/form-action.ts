import type { Role } from '../access/actor.ts'
import type { Page, PageRequest } from './screen.ts'

/** A form that was sent. */
export interface FormRequest extends PageRequest {
  readonly form: URLSearchParams
}

/** What becomes of it: a page to go on to, so that a reload sends nothing again; or one that asks. */
export type FormAnswer = { readonly goTo: string } | Page

/** Something that changes one of the databases, by POST. */
export interface FormAction {
  /** Hono's pattern, such as `/refused/replay`. */
  readonly path: string
  readonly role: Role
  /** Whether it shows values of rows, which is a right apart from roles. */
  readonly needsValues?: boolean
  readonly submit: (request: FormRequest) => Promise<FormAnswer>
}
