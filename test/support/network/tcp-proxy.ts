import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tcpUrl } from './tcp-url.ts'

/**
 * Stands between a program and its database; what passes between the two is up to whoever makes
 * one.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #target: URL

  /**
   * @param join lets the program's socket and the database's speak to each other. Where one closes,
   * so does the other.
   */
  protected constructor(targetUrl: string, join: (inside: Socket, outside: Socket) => void) {
    this.#target = tcpUrl(targetUrl)
    this.#server = createServer((inside) => {
      const outside = connect(Number(this.#target.port), this.#target.hostname)
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          inside.destroy()
          outside.destroy()
        })
      }
      join(inside, outside)
    })
  }

  protected async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** Connection URL through the proxy. */
  get url(): string {
    const url = new URL(this.#target)
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
