import { execFile } from 'node:child_process';
import { findProgram } from '../../scripts/find-program.mjs';

/** The full path of a program that Prometheus comes with. */
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
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: (error?.code as number | undefined) ?? 0, output: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}
