import { TcpProxy } from './tcp-proxy.ts'

/**
 * Can keep back what the server says to one kind of session, while the connection stays open: how
 * LISTEN dies without an error behind a NAT, a pooler or a demoted server.
 */
export class MutingProxy extends TcpProxy {
  /** While true, sessions with the application name see nothing of what the server sends. */
  isMuted = false

  static start(targetUrl: string, applicationName: string): Promise<MutingProxy> {
    const proxy = new MutingProxy(targetUrl, (inside, outside) => {
      let isOfKind = false
      // The first packet of a session names its application.
      inside.once('data', (startup: Buffer) => {
        isOfKind = startup.includes(applicationName)
      })
      inside.on('data', (chunk: Buffer) => outside.write(chunk))
      outside.on('data', (chunk: Buffer) => {
        if (!(isOfKind && proxy.isMuted)) inside.write(chunk)
      })
    })
    return proxy.listen()
  }
}
