import { expect, it } from '@jest/globals';
import { differences, entryPoints, shorten } from '../../scripts/api-report-text.mjs';

const reportOf = (...declarations: string[]): string =>
  `## API Report File for "x"\n\n\`\`\`ts\n\n${declarations.join('\n\n')}\n\n\`\`\`\n`;

const EXPORTED = '// @public\nexport interface Options {\n    readonly ttlMs: number;\n}';
const HIDDEN = '// @public\ninterface About {\n    readonly name: string;\n}';

it('the entry points are the package itself and all subpaths that have types', () => {
  const types = (path: string): { import: { types: string } } => ({ import: { types: path } });
  const exports = { '.': types('a.d.ts'), './nestjs': types('b.d.ts'), './package.json': './package.json' };
  expect(entryPoints({ name: 'pkg', exports })).toEqual([
    { name: 'pkg', types: 'a.d.ts' },
    { name: 'nestjs', types: 'b.d.ts' },
  ]);
});

it('a report does not tell which names lack a comment', () => {
  const report = reportOf(
    '// @public (undocumented)\nexport interface X {\n    // (undocumented)\n    a: 1;\n}',
  );
  expect(shorten(report)).toBe(reportOf('// @public\nexport interface X {\n    a: 1;\n}'));
});

it('the report of a subpath only names the unexported declarations that the package itself has', () => {
  const own = reportOf(EXPORTED, HIDDEN);
  const skin = reportOf(
    '// @public\nexport function f(a: About, o: Options): void;',
    HIDDEN,
    EXPORTED.replace('export ', ''),
  );
  expect(shorten(skin, own)).toBe(
    reportOf(
      '// Also in the report of the package itself:\n//   About\n//   Options',
      '// @public\nexport function f(a: About, o: Options): void;',
    ),
  );
});

it('the report of a subpath keeps an unexported declaration that differs from that of the package', () => {
  const skin = reportOf(HIDDEN.replace('string', 'number'));
  expect(shorten(skin, reportOf(HIDDEN))).toBe(skin);
});

it('the report of a subpath keeps what the subpath exports', () => {
  const skin = reportOf(EXPORTED);
  expect(shorten(skin, reportOf(EXPORTED))).toBe(skin);
});

it('equal reports do not differ', () => {
  expect(differences(reportOf(EXPORTED), reportOf(EXPORTED))).toEqual([]);
});

it('two reports differ in the lines that only one of them has', () => {
  const after = reportOf(EXPORTED.replace('number', 'string'));
  expect(differences(reportOf(EXPORTED), after)).toEqual([
    '-     readonly ttlMs: number;',
    '+     readonly ttlMs: string;',
  ]);
});

it('two reports differ if a line is there once more', () => {
  expect(differences('a\nb', 'a\na\nb')).toEqual(['+ a']);
});
