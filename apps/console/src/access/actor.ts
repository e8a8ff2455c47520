/** What somebody may do: each role may do what the one before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who asks, and what they may. */
export interface Actor {
  /** For the audit; undefined where nobody is asked who they are. */
  readonly name: string | undefined
  readonly role: Role
  /** Whether they may see values of rows, which may be personal data; apart from roles. */
  readonly seesValues: boolean
}

/** Whether `actor` has at least the rights of `role`. */
export function isAtLeast(actor: Actor, role: Role): boolean {
  return ROLES.indexOf(actor.role) >= ROLES.indexOf(role)
}

/**
 * Reads what somebody may: a role, with `+values` where values of rows are shown.
 * @returns undefined where it is none.
 */
export function parseRights(text: string): Omit<Actor, 'name'> | undefined {
  const [name, ...more] = text.split('+')
  const role = ROLES.find((known) => known === name)
  const seesValues = more.length === 1 && more[0] === 'values'
  if (role === undefined || (more.length > 0 && !seesValues)) return undefined
  return { role, seesValues }
}

/** Rights as {@link parseRights} reads them. */
export function describeRights({ role, seesValues }: Omit<Actor, 'name'>): string {
  return seesValues ? `${role}+values` : role
}
