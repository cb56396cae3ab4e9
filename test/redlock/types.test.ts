import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Workspace } from '../docs/workspace.js';

const PROGRAM = readFileSync(new URL('./program.ts', import.meta.url), 'utf8');

describe('a program that was written for redlock', () => {
  let workspace: Workspace;

  afterEach(() => workspace.remove());

  it.each(['redlock', 'quorlock/redlock'])('compiles when it imports %s', (name) => {
    workspace = new Workspace();
    const code = PROGRAM.replace("from 'redlock'", `from '${name}'`);
    expect(code).toContain(`from '${name}'`);
    workspace.add('program.ts', code);
    expect(workspace.complaints()).toBe('');
  });

  it('is refused where it uses what is not there', () => {
    workspace = new Workspace();
    const code = PROGRAM.replace("from 'redlock'", "from 'quorlock/redlock'");
    workspace.add('program.ts', code.replace('.votesAgainst', '.votesOfNobody'));
    expect(workspace.complaints()).toContain('votesOfNobody');
  });
});
