import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { transformSync } from '@swc/core';
import type * as Choice from '../../../src/core/membership/choice.js';
import type * as Knowledge from '../../../src/core/membership/knowledge.js';
import type * as Plan from '../../../src/core/membership/plan.js';
import type * as Record from '../../../src/core/membership/record.js';

/** The rules of membership, as the model needs them. */
export interface MembershipRules {
  readonly listToVoteUnder: typeof Choice.listToVoteUnder;
  readonly MembershipKnowledge: typeof Knowledge.MembershipKnowledge;
  readonly planWrites: typeof Plan.planWrites;
  readonly mayWrite: typeof Record.mayWrite;
}

/** A piece of a file in src/core, which must occur exactly once, and its replacement. */
export interface CoreEdit {
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
}

/** Loads the pure rules with changes to their sources. The files themselves stay unchanged. */
export function loadMembershipRules(edits: readonly CoreEdit[] = []): MembershipRules {
  const loaded = new Map<string, object>();
  const load = (file: string): object => {
    const known = loaded.get(file);
    if (known !== undefined) return known;
    let text = readFileSync(new URL(`../../../src/core/${file}`, import.meta.url), 'utf8');
    for (const edit of edits.filter((one) => one.file === file)) {
      const parts = text.split(edit.original);
      if (parts.length !== 2)
        throw new Error(`${file} has this text ${parts.length - 1} times: ${edit.original}`);
      text = parts.join(edit.replacement);
    }
    const { code } = transformSync(text, {
      filename: file,
      swcrc: false,
      module: { type: 'commonjs' },
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    });
    const exports = {};
    loaded.set(file, exports);
    const require = (path: string): object =>
      load(posix.join(posix.dirname(file), path).replace(/\.js$/, '.ts'));
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    new Function('exports', 'require', code)(exports, require);
    return exports;
  };
  const files = ['choice', 'knowledge', 'plan', 'record'].map((name) => load(`membership/${name}.ts`));
  return Object.assign({}, ...files) as MembershipRules;
}
