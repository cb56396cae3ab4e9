/** What this example uses of Express. In a project of your own, install @types/express instead. */
declare module 'express' {
  import type { IncomingMessage, ServerResponse, Server } from 'node:http';

  interface Request extends IncomingMessage {
    readonly params: Readonly<Record<string, string>>;
  }
  interface Response extends ServerResponse {
    status(code: number): this;
    set(header: string, value: string): this;
    json(body: unknown): this;
    send(body: string): this;
  }
  type Next = (error?: unknown) => void;
  type Handler = (request: Request, response: Response) => unknown;

  interface Application {
    get(path: string, handler: Handler): this;
    post(path: string, handler: Handler): this;
    use(handler: (error: unknown, request: Request, response: Response, next: Next) => unknown): this;
    listen(port: number, host: string, onListening: () => void): Server;
  }

  export default function express(): Application;
}
