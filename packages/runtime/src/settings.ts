import { z } from 'zod'
import { OperatorError } from './operator-error.ts'

/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Every problem with the settings at once, one line each: variable, rule, value received. */
export class ConfigError extends OperatorError {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const lines = problems.map((problem) => `  ${problem}`)
    super(`settings are not usable; see docs/CONFIGURATION.md:\n${lines.join('\n')}`)
    this.problems = problems
  }
}

const MAX_PORT = 65_535

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol)
}

/** URL of a PostgreSQL database. @param rule what it must be, for who set another one. */
export function databaseUrlSetting(rule = 'must be a postgres:// URL') {
  return z
    .string('must be set')
    .refine((text) => hasProtocol(text, ['postgres:', 'postgresql:']), rule)
}

/** URL of something that answers by HTTP. */
export function httpUrlSetting(rule = 'must be an http:// or https:// URL') {
  return z.string('must be set').refine((text) => hasProtocol(text, ['http:', 'https:']), rule)
}

/**
 * URL of a server that we talk to by paths of our own. A path, a query or a name in it would be
 * ignored, or refused only when it is used.
 * @param rule what it must be, for who set another one.
 */
export function originSetting(rule: string) {
  return z.string('must be set').refine((text) => {
    if (!hasProtocol(text, ['http:', 'https:'])) return false
    const { pathname, search, hash, username, password } = new URL(text)
    return pathname === '/' && `${search}${hash}${username}${password}` === ''
  }, rule)
}

/** Port to listen at; 0 asks the system for a free one. */
export function portSetting(fallback: number) {
  const rule = `must be a port, 0 to ${MAX_PORT}`
  return z
    .string()
    .regex(/^\d{1,5}$/, rule)
    .default(String(fallback))
    .transform(Number)
    .refine((port) => port <= MAX_PORT, rule)
}

/**
 * Reads settings from the environment. An empty variable is an unset one: compose files and shells
 * produce both.
 * @param secrets variables whose values appear as `<set>`.
 * @throws {ConfigError} with every problem.
 */
export function parseSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: Environment,
  secrets: ReadonlySet<string>,
): z.output<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(shape).map((name) => [name, env[name]?.trim() || undefined]),
  )
  const result = z.object(shape).safeParse(given)
  if (result.success) return result.data
  throw new ConfigError(
    result.error.issues.map((issue) => {
      const name = String(issue.path[0])
      const value = given[name]
      const received = value === undefined ? 'nothing' : secrets.has(name) ? '<set>' : `'${value}'`
      return `${name} ${issue.message}; received ${received}`
    }),
  )
}
