import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitFor } from '../wait-for.ts'

/** A TCP connection to a gateway, for what no HTTP client would send. */
export class RawConnection implements Disposable {
  readonly #socket: Socket
  /** Everything received so far. */
  text = ''
  /** Set by a reset, or whatever else the socket reports. */
  error: Error | undefined

  constructor(url: string) {
    const { port, hostname } = new URL(url)
    this.#socket = connect(Number(port), hostname)
    this.#socket.on('data', (chunk) => {
      this.text += chunk
    })
    this.#socket.on('error', (error) => {
      this.error = error
    })
  }

  send(data: string | Uint8Array): void {
    this.#socket.write(data)
  }

  /** Waits until what was received matches. */
  async received(pattern: RegExp): Promise<string> {
    await waitFor(`${pattern} from the gateway`, () => pattern.test(this.text))
    return this.text
  }

  /** Waits until the gateway has ended the connection, and returns everything received. */
  async closed(): Promise<string> {
    if (!this.#socket.closed) await once(this.#socket, 'close')
    if (this.error !== undefined) throw this.error
    return this.text
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** The head of a `POST /v1/batches` with these headers. */
export function rawHead(headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries({ host: 'x', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `POST /v1/batches HTTP/1.1\r\n${lines.join('')}\r\n`
}
