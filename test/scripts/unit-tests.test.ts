import { expect, it } from '@jest/globals';
import { unitTests } from '../../scripts/unit-tests.mjs';

const PROCESSES = 'node:child_process';

/** Which of these made-up files `npm run test:unit` runs. */
const chosen = (files: Readonly<Record<string, string>>): string[] =>
  unitTests(Object.keys(files), (file) => files[file]!);

it('a test that imports no processes is a unit test', () => {
  expect(chosen({ 'test/core/a.test.ts': `import { x } from '../../src/core/x.js';` })).toHaveLength(1);
});

it.each([
  `import { spawn } from 'node:child_process';`,
  `import { spawn } from 'child_process';`,
  `import 'node:child_process';`,
  `import {\n  fork,\n  spawn,\n} from 'node:child_process';`,
  `export { spawn } from 'node:child_process';`,
  `const { spawn } = await import('${PROCESSES}');`,
])('a test that starts processes is no unit test: %s', (text) => {
  expect(chosen({ 'test/core/a.test.ts': text })).toEqual([]);
});

it('a test whose helper starts processes through another helper is no unit test', () => {
  expect(
    chosen({
      'test/lock/a.test.ts': `import { start } from '../support/servers.js';`,
      'test/support/servers.ts': `import { run } from './run.js';\nexport * from './other.mjs';`,
      'test/support/run.ts': `import './servers.js';`,
      'test/support/other.mjs': `import { spawn } from 'node:child_process';`,
    }),
  ).toEqual([]);
});

it('an import of types alone does not make a test start processes', () => {
  expect(
    chosen({
      'test/lock/a.test.ts': `import type { Server } from '../support/servers.js';`,
      'test/support/servers.ts': `import { spawn } from 'node:child_process';`,
    }),
  ).toEqual(['test/lock/a.test.ts']);
});

it('a test whose comment says that it is slow is no unit test', () => {
  const text = '// slow: an exhaustive walk\n\nit();\n';
  expect(chosen({ 'test/core/a.test.ts': text, 'test/core/b.test.ts': `it('// slow: not');` })).toEqual([
    'test/core/b.test.ts',
  ]);
});

it('a helper is no unit test', () => {
  expect(chosen({ 'test/support/a.ts': '', 'scripts/b.mjs': '' })).toEqual([]);
});
