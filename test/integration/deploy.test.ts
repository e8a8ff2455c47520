import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  SETTING_NAMES as CONSOLE_SETTINGS,
  loadConfig as loadConsoleConfig,
} from '@hq-export/console/process/config.ts'
import {
  SETTING_NAMES as INGEST_SETTINGS,
  loadConfig as loadIngestConfig,
} from '@hq-export/hq-ingest/process/config.ts'
import {
  loadConfig as loadRelayConfig,
  SETTING_NAMES as RELAY_SETTINGS,
} from '@hq-export/outbox-relay/process/config.ts'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { createSecret } from '../support/programs/pipeline.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DEPLOY = join(ROOT, 'deploy')
const APPS = [
  {
    app: 'outbox-relay',
    names: RELAY_SETTINGS,
    load: loadRelayConfig,
    health: { port: 'RELAY_METRICS_PORT', path: '/readyz' },
  },
  {
    app: 'hq-ingest',
    names: INGEST_SETTINGS,
    load: loadIngestConfig,
    health: { port: 'INGEST_PORT', path: '/livez' },
  },
  {
    app: 'console',
    names: CONSOLE_SETTINGS,
    load: loadConsoleConfig,
    health: { port: 'CONSOLE_PORT', path: '/livez' },
  },
] as const

interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly network_mode?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const compose: Compose = parse(await readFile(join(DEPLOY, 'compose.yaml'), 'utf8'), {
  merge: true,
})
const services = Object.entries(compose.services)

interface Scraping {
  readonly rule_files: readonly string[]
  readonly scrape_configs: readonly {
    readonly job_name: string
    readonly static_configs: readonly { readonly targets: readonly string[] }[]
  }[]
}

/** What an operator sets; everything else must stand in the file. */
const GIVEN: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: 'password',
  HQ_SIGNING_SECRET: createSecret(),
  CONSOLE_USERS: `ada:operator:scrypt$16$8$2$${'A'.repeat(22)}$${'A'.repeat(43)}`,
}

function interpolate(text: string): string {
  return text.replace(/\$\{(\w+)(?::\?[^}]*)?\}/g, (_, name: string) => {
    const value = GIVEN[name]
    if (value === undefined) throw new Error(`nobody sets ${name}`)
    return value
  })
}

function interpolateAll(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, interpolate(value)]),
  )
}

/** What a service of compose gives its program. */
function environmentOf(service: string): Record<string, string> {
  return interpolateAll(compose.services[service]?.environment ?? {})
}

function linesOf(dockerfile: string): string[] {
  return dockerfile.replaceAll('\\\n', ' ').split('\n')
}

/** Arguments of every instruction of this name. */
function instructions(dockerfile: string, name: string): string[] {
  return linesOf(dockerfile)
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1).trim())
}

test.each(APPS)('the settings of $app are ones that it has, and enough', ({ app, names, load }) => {
  const users = services.filter(([, { build }]) => build?.dockerfile === `deploy/${app}.Dockerfile`)
  expect(users.map(([name]) => name)).toContain(app)
  for (const [, { environment = {} }] of users) {
    const own = Object.keys(environment).filter((name) => !name.startsWith('OTEL_'))
    expect(names).toEqual(expect.arrayContaining(own))
    expect(() => load(interpolateAll(environment))).not.toThrow()
  }
})

test('every file, volume and service that compose names is there, and nothing listens beyond the machine', () => {
  for (const [name, { build, volumes = [], ports = [], depends_on = {} }] of services) {
    if (build !== undefined) {
      expect(existsSync(join(DEPLOY, build.context, build.dockerfile)), name).toBe(true)
    }
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      const isThere = source.startsWith('.')
        ? existsSync(join(DEPLOY, source))
        : Object.hasOwn(compose.volumes, source)
      expect(isThere, volume).toBe(true)
    }
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(depends_on)))
  }
})

test('Prometheus reads what the repository ships, and reaches every port that it scrapes', async () => {
  const { prometheus } = compose.services
  expect(prometheus?.volumes).toContain('./prometheus:/etc/prometheus:ro')
  const folder = join(DEPLOY, 'prometheus')
  const scraping: Scraping = parse(await readFile(join(folder, 'prometheus.yml'), 'utf8'))
  for (const rules of scraping.rule_files) expect(existsSync(join(folder, rules)), rules).toBe(true)
  const targets = scraping.scrape_configs.map(({ job_name, static_configs }) => [
    job_name,
    static_configs.flatMap((config) => config.targets),
  ])
  const relay = loadRelayConfig(environmentOf('outbox-relay'))
  const gateway = loadIngestConfig(environmentOf('hq-ingest'))
  expect(targets).toEqual([
    ['outbox-relay', [`127.0.0.1:${relay.metricsPort}`]],
    ['hq-ingest', [`hq-ingest:${gateway.metricsPort}`]],
  ])
  // The relay answers on its own 127.0.0.1 alone; the gateway on every address of its container.
  expect(prometheus?.network_mode).toBe('service:outbox-relay')
  expect(gateway.host).toBe('0.0.0.0')
  const published = services.flatMap(([, { ports = [] }]) =>
    ports.map((port) => port.split(':')[2]),
  )
  expect(published).not.toContain(String(gateway.metricsPort))
})

test.each(APPS)(
  'the image of $app has what it runs, as nobody special, and says if it is well',
  async ({ app }) => {
    const dockerfile = await readFile(join(DEPLOY, `${app}.Dockerfile`), 'utf8')
    const copied = instructions(dockerfile, 'COPY').flatMap((copy) =>
      copy.split(/\s+/).slice(0, -1),
    )
    for (const source of copied) expect(existsSync(join(ROOT, source)), source).toBe(true)
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
    const [base] = instructions(dockerfile, 'FROM')
    expect(base).toBe(`node:${manifest.devDependencies.node}-slim`)
    const ours = Object.keys(
      JSON.parse(await readFile(join(ROOT, 'apps', app, 'package.json'), 'utf8')).dependencies,
    ).filter((name) => name.startsWith('@hq-export/'))
    for (const name of ours) {
      const folders = ['apps', 'packages'].map((kind) => name.replace('@hq-export', kind))
      expect(
        copied.filter((path) => folders.includes(path)),
        name,
      ).toHaveLength(1)
    }
    for (const folder of ['apps', 'packages']) {
      for (const workspace of await readdir(join(ROOT, folder))) {
        expect(copied).toContain(`${folder}/${workspace}/package.json`)
      }
    }
    const [entry] = instructions(dockerfile, 'ENTRYPOINT')
    const command: string[] = JSON.parse(entry ?? '[]')
    // What a script sets, an image says by ENV; its cache is elsewhere.
    const [production, ...settings] = instructions(dockerfile, 'ENV')
    expect(production).toBe('NODE_ENV=production')
    expect(settings.join()).toContain('NODE_COMPILE_CACHE=')
    const [started, ...scripts] = [
      [...settings, ...command].join(' '),
      ...Object.values<string>(manifest.scripts),
    ].map((text) => text.replace(/(?<=^NODE_COMPILE_CACHE=)\S+/, ''))
    expect(scripts).toContain(started)
    expect(existsSync(join(ROOT, command.at(-1) ?? ''))).toBe(true)
    expect(instructions(dockerfile, 'USER')).toEqual(['node'])
    expect(instructions(dockerfile, 'HEALTHCHECK')).toHaveLength(1)
  },
)

test.each(APPS)('the health check of $app is what its program answers', async ({ app, health }) => {
  const dockerfile = await readFile(join(DEPLOY, `${app}.Dockerfile`), 'utf8')
  const [, command = '[]'] =
    /CMD (\[.+\])/.exec(instructions(dockerfile, 'HEALTHCHECK')[0] ?? '') ?? []
  const [program, ...args]: string[] = JSON.parse(command)
  expect(program).toBe('node')
  const asked: (string | undefined)[] = []
  let status = 200
  const server = createServer((request, response) => {
    asked.push(request.url)
    response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const env = { [health.port]: String((server.address() as AddressInfo).port) }
  const check = async () => {
    const child = execFile(process.execPath, args, { env })
    return (await once(child, 'exit'))[0] as number
  }
  try {
    expect(await check()).toBe(0)
    status = 503
    expect(await check()).toBe(1)
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  expect(asked).toEqual([health.path, health.path])
  expect(await check()).toBe(1)
})
