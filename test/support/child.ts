import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dieWithParent, exitOf, type Exit } from './processes.js';
import { until } from './until.js';

const preload = new URL('./child-preload.mjs', import.meta.url).href;

export interface StartChildOptions {
  readonly args?: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A TypeScript program in a process of its own. It sends messages with `process.send` and dies with the test.
 */
export interface Child<Message = unknown> {
  readonly pid: number;
  /** All messages so far. */
  readonly messages: readonly Message[];
  /** Its output so far: stdout and stderr in the order of arrival. */
  readonly output: string;
  /** Settles when the process has ended. */
  readonly exit: Promise<Exit>;
  send(message: unknown): void;
  /**
   * The first message that satisfies the condition, received already or later. Rejects if the child ends
   * without it.
   */
  message<M extends Message>(is: (message: Message) => message is M): Promise<M>;
  message(is?: (message: Message) => boolean): Promise<Message>;
  /** Ends the process, by default as a crash would, and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

/** Runs `file`, for example `new URL('./worker.ts', import.meta.url)`. */
export function startChild<Message = unknown>(
  file: URL,
  { args = [], env = {} }: StartChildOptions = {},
): Child<Message> {
  const [execPath = '', ...execArgv] = [...dieWithParent, process.execPath, '--import', preload];
  const child = fork(fileURLToPath(file), args, {
    execPath,
    execArgv,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exit = exitOf(child);
  let ended = false;
  const end = () => void (ended = true);
  exit.then(end, end);
  const messages: Message[] = [];
  let output = '';
  child.on('message', (message) => messages.push(message as Message));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }

  return {
    get pid() {
      if (child.pid === undefined) throw new Error(`could not start ${file.href}`);
      return child.pid;
    },
    get output() {
      return output;
    },
    messages,
    exit,
    send: (message) => void child.send(message as object),
    message: async (is: (message: Message) => boolean = () => true) => {
      const found = await until(() => (messages.some(is) ? 'found' : ended && 'ended'), {
        what: `a message of ${file.href}`,
      });
      if (found === 'ended') throw new Error(`${file.href} ended without the message; it wrote:\n${output}`);
      return messages.find(is) as Message;
    },
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal);
      child.kill('SIGCONT');
      return exit;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  } as Child<Message>;
}
