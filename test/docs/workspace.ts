import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { dieWithParent, exitOf } from '../support/processes.js';
import { rootUrl } from './markdown.js';

const root = fileURLToPath(rootUrl);

/**
 * A folder inside the project, so that programs in it find the dependencies, and `quorlock` by the paths of
 * tsconfig.json.
 */
export class Workspace {
  readonly #folder: string;

  constructor() {
    mkdirSync(join(root, '.cache'), { recursive: true });
    this.#folder = mkdtempSync(join(root, '.cache/docs-'));
  }

  /** Writes a program; returns its url. */
  add(file: string, code: string): URL {
    const path = join(this.#folder, file);
    writeFileSync(path, code);
    return pathToFileURL(path);
  }

  /**
   * What the compiler has to say of everything in it, with the options of the project; empty where all is
   * well.
   */
  complaints(): string {
    // An example may leave out what it takes and does not use.
    const compilerOptions = { noUnusedParameters: false };
    this.add(
      'tsconfig.json',
      JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] }),
    );
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { status, stdout, stderr } = spawnSync(tsc, ['-p', this.#folder, '--pretty', 'false'], {
      cwd: this.#folder,
      encoding: 'utf8',
    });
    return status === 0 ? '' : `${stdout}${stderr}`;
  }

  /** Runs a program to its end; gives what it wrote. Rejects when it fails. */
  async run(file: URL): Promise<string> {
    const loader = new URL('scripts/ts-loader.mjs', rootUrl).href;
    const command = [...dieWithParent, process.execPath, '--import', loader, fileURLToPath(file)];
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const closed = new Promise((resolve) => child.once('close', resolve));
    const { code, signal } = await exitOf(child);
    await closed;
    if (code !== 0) throw new Error(`the program ended with ${signal ?? code}:\n${output}${errors}`);
    return output;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
