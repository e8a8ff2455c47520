import type { Page, PageRequest } from './screen.ts'

/** A file that somebody takes away. */
export interface DownloadedFile {
  readonly name: string
  readonly type: string
  readonly body: string
}

/** A file under one kind of address, made when it is asked for; it changes nothing. */
export interface Download {
  /** Hono's pattern, such as `/verify/:run/report`. */
  readonly path: string
  /** The file, or a page that says why there is none. */
  readonly make: (request: PageRequest) => Promise<DownloadedFile | Page>
}
