import type { MasterKey } from '@hq-export/hq-ingest/keys/master-key.ts'
import type { Actor, Role } from '../access/actor.ts'
import type { ChangingSide } from '../db/changing-side.ts'
import type { Side } from '../db/side.ts'
import type { KeptDoctor } from '../doctor/kept-doctor.ts'
import type { ShownSetting } from '../process/config.ts'
import type { Content } from './html.ts'

/** What changes the databases, on the server's side of a form. */
export interface Changes {
  readonly hq: ChangingSide
  readonly dx: ChangingSide
  /** Says that an action was recorded. */
  readonly wake: (side: 'hq' | 'dx') => void
  /** Seals the secrets of new keys; undefined: the console makes none. */
  readonly masterKey: MasterKey | undefined
}

/** What runs here. */
export interface Running {
  /** Of the console's package. */
  readonly version: string
  readonly startedAt: string
  /** Where this build's assets are served; changes with any of them. */
  readonly assets: string
  readonly settings: readonly ShownSetting[]
}

/** Both databases, and what pages know beside them. */
export interface Surroundings {
  /** HQ without values of rows: what pages read. */
  readonly hq: Side
  /** HQ as the writer sees it, for keys, versions, and values where `actor` may see them. */
  readonly hqRows: Side
  /** data-engine-x as the relay sees it. */
  readonly dx: Side
  readonly changes: Changes
  /** Nothing can be changed, whoever asks. */
  readonly isReadOnly: boolean
  readonly environment: string | undefined
  readonly jaegerUrl: string | undefined
  /** What the doctors of both databases found last. */
  readonly doctors: { readonly hq: KeptDoctor; readonly dx: KeptDoctor }
  readonly running: Running
  /** Clock of the console, milliseconds since the epoch. */
  readonly now: () => number
}

/** A request for a page. */
export interface PageRequest extends Surroundings {
  readonly actor: Actor
  /** Parts of the path, by the names that the screen's pattern gives them, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
}

/** What a screen shows. */
export interface Page {
  /** Heading, and title of the window. */
  readonly title: string
  readonly content: Content
  /** Default 200. */
  readonly status?: 200 | 400 | 403 | 404 | 409 | 503
  /** One sentence on top, read out when it changes. */
  readonly sentence?: Content
}

/** Something to look at under one kind of address; it changes nothing. */
export interface Screen {
  /** Hono's pattern, such as `/datasets/:dataset`. */
  readonly path: string
  /** Where it stands in the navigation. */
  readonly nav?: {
    readonly title: string
    /** Key that opens it after `g`. */
    readonly key?: string
  }
  /** Default viewer. */
  readonly role?: Role
  /** False: it is not read again by itself, because somebody fills it in or has to decide. */
  readonly isLive?: boolean
  readonly show: (request: PageRequest) => Promise<Page>
}
