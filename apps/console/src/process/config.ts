import { isIP } from 'node:net'
import type { MasterKey } from '@hq-export/hq-ingest/keys/master-key.ts'
import { masterKeySchema } from '@hq-export/hq-ingest/process/config.ts'
import { LOG_LEVELS, type LogLevel } from '@hq-export/observability/logger.ts'
import {
  ConfigError,
  databaseUrlSetting,
  type Environment,
  httpUrlSetting,
  originSetting,
  parseSettings,
  portSetting,
} from '@hq-export/runtime/settings.ts'
import { z } from 'zod'
import type { AccessMode } from '../access/authenticate.ts'
import { parseGroupRights, parseUsers } from '../access/users.ts'

/** Settings of the console, read once and frozen. */
export interface ConsoleConfig {
  /** undefined: not connected, and every page says so. */
  readonly hqDatabaseUrl: string | undefined
  readonly dxDatabaseUrl: string | undefined
  readonly host: string
  /** 0 asks the system for a free port. */
  readonly port: number
  /** Where people reach it, such as https://console.example; undefined: where it listens. */
  readonly url: string | undefined
  /** Names in the header Host that are answered, without port, in lower case. */
  readonly hosts: readonly string[]
  readonly access: AccessMode
  /** Nothing can be changed, whoever asks. */
  readonly isReadOnly: boolean
  /** Shown on every page, such as production. */
  readonly environment: string | undefined
  /** Jaeger's own pages; undefined: traces are not linked. */
  readonly jaegerUrl: string | undefined
  /** Seals the secrets of keys that are made here; undefined: none is. */
  readonly masterKey: MasterKey | undefined
  readonly logLevel: LogLevel
  /** Every setting as it runs; secrets appear as `<set>`. */
  readonly shown: readonly ShownSetting[]
}

/** A setting, for people. */
export interface ShownSetting {
  readonly name: string
  readonly value: string
  /** Nobody has set it. */
  readonly isDefault: boolean
}

const SECRET_VARIABLES = new Set([
  'CONSOLE_PROXY_SECRET',
  'CONSOLE_USERS',
  'DX_DATABASE_URL',
  'HQ_DATABASE_URL',
  'INGEST_MASTER_KEY',
])
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const MIN_SECRET_CHARS = 16

const flagSchema = z
  .enum(['true', 'false'], 'must be true or false')
  .default('false')
  .transform((text) => text === 'true')

const headerRule = 'must be the name of a header, such as x-forwarded-user'
const headerSchema = z
  .string()
  .regex(/^[A-Za-z][\w-]*$/, headerRule)
  .transform((name) => name.toLowerCase())

function listSchema<T>(parse: (text: string) => { value: T; problems: readonly string[] }) {
  return z.string().transform((text, context): T => {
    const { value, problems } = parse(text)
    for (const message of problems) context.addIssue({ code: 'custom', message })
    return value
  })
}

const SETTINGS = {
  HQ_DATABASE_URL: databaseUrlSetting().optional(),
  DX_DATABASE_URL: databaseUrlSetting().optional(),
  CONSOLE_HOST: z.string().default('127.0.0.1'),
  CONSOLE_PORT: portSetting(8083),
  CONSOLE_URL: originSetting('must be scheme, host and port alone, such as https://console.example')
    .transform((text) => new URL(text).origin)
    .optional(),
  CONSOLE_HOSTS: z
    .string()
    .transform((text) =>
      text
        .toLowerCase()
        .split(/[,\s]+/)
        .filter(Boolean),
    )
    .default([]),
  CONSOLE_USERS: listSchema((text) => {
    const { users, problems } = parseUsers(text)
    return { value: users, problems }
  }).optional(),
  CONSOLE_USER_HEADER: headerSchema.optional(),
  CONSOLE_GROUPS_HEADER: headerSchema.default('x-forwarded-groups'),
  CONSOLE_GROUPS: listSchema((text) => {
    const { groups, problems } = parseGroupRights(text)
    return { value: groups, problems }
  }).default(new Map()),
  CONSOLE_PROXY_SECRET: z
    .string()
    .min(MIN_SECRET_CHARS, `must have at least ${MIN_SECRET_CHARS} characters`)
    .optional(),
  CONSOLE_READ_ONLY: flagSchema,
  CONSOLE_ENVIRONMENT: z.string().max(40, 'must have at most 40 characters').optional(),
  CONSOLE_JAEGER_URL: httpUrlSetting().optional(),
  INGEST_MASTER_KEY: masterKeySchema.optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be ${LOG_LEVELS.join(', ')}`).default('info'),
} as const

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Passwords that are sent there are read by nobody on the way; other names are not answered. */
function isSafeUrl(url: string | undefined): boolean {
  if (url === undefined) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || LOOPBACK.includes(hostname)
}

type Settings = ReturnType<typeof readSettings>

function readSettings(env: Environment) {
  return parseSettings(SETTINGS, env, SECRET_VARIABLES)
}

/** What settings may not say together. */
function problemsOf(settings: Settings): string[] {
  const { CONSOLE_USERS: users, CONSOLE_USER_HEADER: header } = settings
  const isOpen = users === undefined && header === undefined
  const isPrivate = isLoopback(settings.CONSOLE_HOST)
  const problems: string[] = []
  if (settings.HQ_DATABASE_URL === undefined && settings.DX_DATABASE_URL === undefined)
    problems.push('HQ_DATABASE_URL or DX_DATABASE_URL must be set: there is nothing to show')
  if (users !== undefined && header !== undefined)
    problems.push('CONSOLE_USERS and CONSOLE_USER_HEADER cannot both say who asks')
  if (header !== undefined && settings.CONSOLE_PROXY_SECRET === undefined)
    problems.push(
      'CONSOLE_PROXY_SECRET must be set with CONSOLE_USER_HEADER: anybody can send a header',
    )
  if (isOpen && !isPrivate)
    problems.push(
      `CONSOLE_HOST must be on loopback, such as 127.0.0.1, while nobody is asked who they are; ` +
        'set CONSOLE_USERS or CONSOLE_USER_HEADER',
    )
  if (users !== undefined && !isPrivate && !isSafeUrl(settings.CONSOLE_URL))
    problems.push(
      'CONSOLE_URL must be an https:// URL where passwords come from other machines: ' +
        'put a proxy with TLS before it; or one of loopback, where only this machine reaches it',
    )
  return problems
}

function showSettings(settings: Settings, env: Environment): ShownSetting[] {
  return SETTING_NAMES.map((name) => {
    const value = settings[name as keyof Settings]
    const given = env[name]?.trim() || undefined
    // What was read of a list of rights is no text; the text it was read of is.
    const own = typeof value === 'object' ? given : value
    const shown = own === undefined ? 'not set' : String(own)
    const isHidden = given !== undefined && SECRET_VARIABLES.has(name)
    return { name, value: isHidden ? '<set>' : shown, isDefault: given === undefined }
  })
}

function accessOf(settings: Settings): AccessMode {
  const { CONSOLE_USERS: users, CONSOLE_USER_HEADER: userHeader } = settings
  if (users !== undefined) return { kind: 'users', users }
  if (userHeader === undefined) return { kind: 'open' }
  return {
    ...{ kind: 'proxy', userHeader, groupsHeader: settings.CONSOLE_GROUPS_HEADER },
    ...{ groups: settings.CONSOLE_GROUPS, secret: settings.CONSOLE_PROXY_SECRET ?? '' },
  }
}

/**
 * Reads every setting of the console from `env`.
 * @throws {ConfigError} with all problems; secrets appear as `<set>`.
 */
export function loadConfig(env: Environment): ConsoleConfig {
  const settings = readSettings(env)
  const problems = problemsOf(settings)
  if (problems.length > 0) throw new ConfigError(problems)
  const url = settings.CONSOLE_URL
  return Object.freeze({
    hqDatabaseUrl: settings.HQ_DATABASE_URL,
    dxDatabaseUrl: settings.DX_DATABASE_URL,
    host: settings.CONSOLE_HOST,
    port: settings.CONSOLE_PORT,
    url,
    hosts: [
      ...LOOPBACK,
      isIP(settings.CONSOLE_HOST) === 6 ? `[${settings.CONSOLE_HOST}]` : settings.CONSOLE_HOST,
      ...settings.CONSOLE_HOSTS,
      ...(url === undefined ? [] : [new URL(url).hostname]),
    ],
    access: accessOf(settings),
    isReadOnly: settings.CONSOLE_READ_ONLY,
    environment: settings.CONSOLE_ENVIRONMENT,
    jaegerUrl: settings.CONSOLE_JAEGER_URL,
    masterKey: settings.INGEST_MASTER_KEY,
    logLevel: settings.LOG_LEVEL,
    shown: showSettings(settings, env),
  })
}
