import { KeyFormatError } from '@hq-export/contract'
import { LOG_LEVELS, type LogLevel } from '@hq-export/telemetry/logger.ts'
import { z } from 'zod'
import { type IngestKey, parseIngestKeys } from './ingest-key.ts'
import { type MasterKey, parseMasterKey } from './keys/master-key.ts'

/** Settings of the gateway, read once and frozen. */
export interface IngestConfig {
  readonly databaseUrl: string
  readonly host: string
  /** 0 asks the system for a free port. */
  readonly port: number
  readonly consolePort: number
  /** How long a stop announces itself before it takes no more. */
  readonly drainDelayMs: number
  readonly logLevel: LogLevel
  /** Where alerts are told, in Alertmanager's webhook format; nowhere if undefined. */
  readonly alertWebhookUrl: string | undefined
  readonly keys: readonly IngestKey[]
  /** How long HQ keeps the answer to a batch at least. */
  readonly ledgerDays: number
  /** The first one seals secrets, all of them open. */
  readonly masterKeys: readonly MasterKey[]
}

/** Every problem with the settings at once, one line each: variable, rule, value received. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`settings are not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

const MAX_PORT = 65_535
const MAX_DRAIN_SECONDS = 60
const SECRET_VARIABLES = new Set([
  'ALERT_WEBHOOK_URL',
  'HQ_DATABASE_URL',
  'INGEST_KEYS',
  'INGEST_MASTER_KEY',
  'INGEST_MASTER_KEY_PREVIOUS',
])

function isDatabaseUrl(text: string): boolean {
  return URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol)
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}

function portSchema(fallback: number) {
  const rule = `must be a port, 0 to ${MAX_PORT}`
  return z
    .string()
    .regex(/^\d{1,5}$/, rule)
    .default(String(fallback))
    .transform(Number)
    .refine((port) => port <= MAX_PORT, rule)
}

const ledgerDaysRule = 'must be a number of days, 1 to 3650'
const ledgerDaysSchema = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, ledgerDaysRule)
  .default('30')
  .transform(Number)
  .refine((days) => days <= 3650, ledgerDaysRule)

const drainRule = `must be seconds, 0 to ${MAX_DRAIN_SECONDS}`
const drainSchema = z
  .string()
  .regex(/^\d{1,2}(?:\.\d{1,3})?$/, drainRule)
  .default('1')
  .transform(Number)
  .refine((seconds) => seconds <= MAX_DRAIN_SECONDS, drainRule)

const keysSchema = z
  .string()
  .transform((text, context): readonly IngestKey[] => {
    const { keys, problems } = parseIngestKeys(text)
    for (const message of problems) context.addIssue({ code: 'custom', message })
    return keys
  })
  .default([])

const masterKeySchema = z.string('must be set').transform((text, context): MasterKey => {
  try {
    return parseMasterKey(text)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})

const SETTINGS = {
  HQ_DATABASE_URL: z.string('must be set').refine(isDatabaseUrl, 'must be a postgres:// URL'),
  INGEST_HOST: z.string().default('127.0.0.1'),
  INGEST_PORT: portSchema(8080),
  CONSOLE_PORT: portSchema(8081),
  INGEST_KEYS: keysSchema,
  INGEST_LEDGER_DAYS: ledgerDaysSchema,
  INGEST_MASTER_KEY: masterKeySchema.optional(),
  INGEST_MASTER_KEY_PREVIOUS: masterKeySchema.optional(),
  INGEST_DRAIN_SECONDS: drainSchema,
  ALERT_WEBHOOK_URL: z
    .string()
    .refine((text) => isHttpUrl(text), 'must be an http:// or https:// URL')
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be ${LOG_LEVELS.join(', ')}`).default('info'),
} as const

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

function parse<Shape extends z.ZodRawShape>(shape: Shape, env: Environment) {
  // An empty variable is an unset one: compose files and shells produce both.
  const given = Object.fromEntries(
    Object.keys(shape).map((name) => [name, env[name]?.trim() || undefined]),
  )
  const result = z.object(shape).safeParse(given)
  if (result.success) return result.data
  throw new ConfigError(
    result.error.issues.map((issue) => {
      const name = String(issue.path[0])
      const value = given[name]
      const received =
        value === undefined ? 'nothing' : SECRET_VARIABLES.has(name) ? '<set>' : `'${value}'`
      return `${name} ${issue.message}; received ${received}`
    }),
  )
}

/**
 * Reads every setting of the gateway from `env`.
 * @throws {ConfigError} with all problems; secrets appear as `<set>`.
 */
export function loadConfig(env: Environment): IngestConfig {
  const settings = parse(SETTINGS, env)
  return Object.freeze({
    databaseUrl: settings.HQ_DATABASE_URL,
    host: settings.INGEST_HOST,
    port: settings.INGEST_PORT,
    consolePort: settings.CONSOLE_PORT,
    drainDelayMs: settings.INGEST_DRAIN_SECONDS * 1_000,
    logLevel: settings.LOG_LEVEL,
    alertWebhookUrl: settings.ALERT_WEBHOOK_URL,
    keys: Object.freeze(settings.INGEST_KEYS),
    ledgerDays: settings.INGEST_LEDGER_DAYS,
    masterKeys: Object.freeze(
      [settings.INGEST_MASTER_KEY, settings.INGEST_MASTER_KEY_PREVIOUS].filter(
        (key) => key !== undefined,
      ),
    ),
  })
}

/**
 * Reads the master keys alone, for a command that seals: the current one, and the one before where it is set.
 * @throws {ConfigError} when the current one is missing or one of them is not a key.
 */
export function loadMasterKeys(env: Environment): readonly [MasterKey, ...MasterKey[]] {
  const settings = parse(
    {
      INGEST_MASTER_KEY: masterKeySchema,
      INGEST_MASTER_KEY_PREVIOUS: SETTINGS.INGEST_MASTER_KEY_PREVIOUS,
    },
    env,
  )
  const { INGEST_MASTER_KEY: current, INGEST_MASTER_KEY_PREVIOUS: previous } = settings
  return previous === undefined ? [current] : [current, previous]
}

/**
 * Reads the one setting that `migrate` and `status` need.
 * @throws {ConfigError} when it is missing or not a PostgreSQL URL.
 */
export function loadDatabaseUrl(env: Environment): string {
  return parse({ HQ_DATABASE_URL: SETTINGS.HQ_DATABASE_URL }, env).HQ_DATABASE_URL
}
