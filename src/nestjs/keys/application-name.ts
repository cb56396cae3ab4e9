import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** Where the name of the application is looked for. */
export interface ApplicationPlace {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The script that the process runs, as in `process.argv[1]`. */
  readonly script: string | undefined;
  readonly folder: string;
}

/**
 * Finds the name of the application, which begins the default keys of its locks: the package whose script npm
 * runs, or that of the package.json nearest to the running script, or nearest to the working directory. A
 * package.json without a name is passed over, and so is a script of an installed package, such as a process
 * manager's or a test runner's.
 */
export function findApplicationName({ environment, script, folder }: ApplicationPlace): string | undefined {
  const byNpm = environment['npm_package_name'];
  if (byNpm !== undefined && byNpm !== '') return byNpm;
  return (script === undefined ? undefined : nameAbove(dirname(resolved(script)))) ?? nameAbove(folder);
}

/** The script may be a link that stands elsewhere than the application. */
function resolved(script: string): string {
  try {
    return realpathSync(script);
  } catch {
    return script;
  }
}

function nameAbove(folder: string): string | undefined {
  if (folder.split(sep).includes('node_modules')) return undefined;
  const name = nameIn(join(folder, 'package.json'));
  if (name !== undefined) return name;
  const parent = dirname(folder);
  return parent === folder ? undefined : nameAbove(parent);
}

function nameIn(file: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
