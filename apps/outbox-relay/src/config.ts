import {
  KeyFormatError,
  parseSigningKey,
  type SigningKey,
  SOURCE_PATTERN,
} from '@hq-export/contract'
import { LOG_LEVELS, type LogLevel } from '@hq-export/telemetry/logger.ts'
import { z } from 'zod'

/** Settings of the relay, read once; durations in milliseconds, sizes in bytes. */
export interface RelayConfig {
  readonly databaseUrl: string
  readonly ingestUrl: string
  readonly signingKeys: readonly SigningKey[]
  readonly source: string
  readonly compression: 'zstd' | 'gzip' | 'none'
  /** Of `/metrics`, `/livez`, `/readyz` on 127.0.0.1; 0 asks the system for a free port. */
  readonly metricsPort: number
  readonly logLevel: LogLevel
  /** Where alerts are told, in Alertmanager's webhook format; nowhere if undefined. */
  readonly alertWebhookUrl: string | undefined
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

const SECRET_VARIABLES = new Set(['ALERT_WEBHOOK_URL', 'DX_DATABASE_URL', 'HQ_SIGNING_SECRET'])

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol)
}

const databaseUrlSchema = z
  .string('must be set')
  .refine(
    (text) => hasProtocol(text, ['postgres:', 'postgresql:']),
    'must be a postgres:// URL of a direct connection, not of a transaction pooler',
  )

const ingestUrlSchema = z
  .string('must be set')
  .refine(
    (text) => hasProtocol(text, ['http:', 'https:']),
    "must be the gateway's http:// or https:// base URL",
  )

const signingSecretSchema = z.string('must be set').superRefine((text, context) => {
  for (const key of text.split(/\s+/)) {
    try {
      parseSigningKey(key)
    } catch (error) {
      if (!(error instanceof KeyFormatError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  }
})

const MAX_PORT = 65_535
const PORT_RULE = `must be a port, 0 to ${MAX_PORT}`

const SETTINGS = {
  DX_DATABASE_URL: databaseUrlSchema,
  HQ_INGEST_URL: ingestUrlSchema,
  HQ_SIGNING_SECRET: signingSecretSchema,
  RELAY_SOURCE: z
    .string()
    .regex(SOURCE_PATTERN, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
    .default('data-engine-x'),
  RELAY_METRICS_PORT: z
    .string()
    .regex(/^\d{1,5}$/, PORT_RULE)
    .default('8082')
    .transform(Number)
    .refine((port) => port <= MAX_PORT, PORT_RULE),
  ALERT_WEBHOOK_URL: z
    .string()
    .refine((text) => hasProtocol(text, ['http:', 'https:']), 'must be an http:// or https:// URL')
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be ${LOG_LEVELS.join(', ')}`).default('info'),
  RELAY_COMPRESSION: z.enum(['zstd', 'gzip', 'none'], 'must be zstd, gzip or none').default('zstd'),
} as const

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

type Environment = Readonly<Record<string, string | undefined>>

function parse<Shape extends z.ZodRawShape>(shape: Shape, env: Environment) {
  // An empty variable is an unset one: compose files and shells produce both.
  const given = Object.fromEntries(
    Object.keys(shape).map((name) => [name, env[name]?.trim() || undefined]),
  )
  const result = z.object(shape).safeParse(given)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => {
    const name = String(issue.path[0])
    const value = given[name]
    const received =
      value === undefined ? '<missing>' : SECRET_VARIABLES.has(name) ? '<set>' : `"${value}"`
    return `${name} ${issue.message}; got ${received}`
  })
  throw new ConfigError(problems)
}

/**
 * Settings of `relay -- run`.
 * @throws {ConfigError} with every problem.
 */
export function loadConfig(env: Environment): RelayConfig {
  const settings = parse(SETTINGS, env)
  return Object.freeze({
    databaseUrl: settings.DX_DATABASE_URL,
    ingestUrl: settings.HQ_INGEST_URL,
    signingKeys: settings.HQ_SIGNING_SECRET.split(/\s+/).map(parseSigningKey),
    source: settings.RELAY_SOURCE,
    compression: settings.RELAY_COMPRESSION,
    metricsPort: settings.RELAY_METRICS_PORT,
    logLevel: settings.LOG_LEVEL,
    alertWebhookUrl: settings.ALERT_WEBHOOK_URL,
  })
}

/**
 * The one setting of the commands that only look at or prepare data-engine-x.
 * @throws {ConfigError} when it is missing or malformed.
 */
export function loadDatabaseUrl(env: Environment): string {
  return parse({ DX_DATABASE_URL: SETTINGS.DX_DATABASE_URL }, env).DX_DATABASE_URL
}
