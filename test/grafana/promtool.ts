import { execFile } from 'node:child_process';
import { findProgram } from '../../scripts/find-program.mjs';

/** The full path of a program of the Prometheus distribution. */
export function prometheusProgram(name: 'prometheus' | 'promtool'): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new Error(`${name} is not installed: run \`node scripts/setup.mjs --with prometheus\``);
  }
  return path;
}

export interface PromtoolRun {
  readonly code: number;
  /** stdout and stderr. */
  readonly output: string;
}

export function promtool(args: readonly string[], input = ''): Promise<PromtoolRun> {
  return new Promise((resolve, reject) => {
    const child = execFile(prometheusProgram('promtool'), args, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      // Without a number it did not run at all, or was killed.
      if (typeof code === 'number') resolve({ code, output: stdout + stderr });
      else reject(new Error('promtool did not run to its end', { cause: error }));
    });
    child.stdin?.end(input);
  });
}
