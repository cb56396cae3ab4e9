/** Which API reports there are, what stands in them, and how two of them differ. See api-report.mjs. */

/**
 * The entry points of a package that have types.
 *
 * @param {{ name: string, exports: Record<string, string | { import?: { types?: string } }> }} manifest
 */
export function entryPoints({ name, exports }) {
  return Object.entries(exports).flatMap(([path, target]) => {
    const types = typeof target === 'string' ? undefined : target.import?.types;
    if (types === undefined) return [];
    return [{ name: path === '.' ? name : path.replace('./', '').replaceAll('/', '-'), types }];
  });
}

/**
 * Leaves out what tells nothing about the types: which names lack a comment. If the report of the package
 * itself (`own`) is given, it also leaves out the unexported declarations that are in that one, and lists
 * their names instead.
 *
 * @param {string} report
 * @param {string} [own]
 * @returns {string}
 */
export function shorten(report, own) {
  const text = report.replaceAll(/^ *\/\/ \(undocumented\)\n/gm, '').replaceAll(' (undocumented)', '');
  const { head, declarations, tail } = parts(text);
  const known = new Set(own === undefined ? [] : parts(shorten(own)).declarations.map(withoutExport));
  const isElsewhere = (/** @type {string} */ one) => !/^(?:export|import) /m.test(one) && known.has(one);
  const names = declarations.filter(isElsewhere).map(nameOf).sort();
  const list =
    names.length === 0 ? [] : [['// Also in the report of the package itself:', ...names].join('\n//   ')];
  return [head, ...list, ...declarations.filter((one) => !isElsewhere(one)), tail].join('\n\n');
}

/**
 * API Extractor leaves an empty line between two declarations, and none within one.
 *
 * @param {string} report
 */
function parts(report) {
  const fence = '```ts\n';
  const from = report.indexOf(fence) + fence.length;
  const to = report.lastIndexOf('```');
  const blocks = report.slice(from, to).split(/\n{2,}/);
  // A block of comments alone says that the entry point has none.
  const declarations = blocks.map((block) => block.trim()).filter((block) => /^[^/]/m.test(block));
  return { head: report.slice(0, from).trimEnd(), declarations, tail: report.slice(to) };
}

/** @param {string} declaration */
const withoutExport = (declaration) => declaration.replace(/^export /m, '');

/** @param {string} declaration */
function nameOf(declaration) {
  const [, name] =
    /^(?:abstract )?(?:class|const|function|interface|type|enum) (\w+)/m.exec(declaration) ?? [];
  return name ?? declaration;
}

/**
 * The lines that only one of two reports has, with `-` for the first and `+` for the second. The names in a
 * report are sorted, so that nothing moves that did not change.
 *
 * @param {string} before
 * @param {string} after
 */
export function differences(before, after) {
  const [old, fresh] = [before.split('\n'), after.split('\n')];
  return [
    ...without(old, fresh).map((line) => `- ${line}`),
    ...without(fresh, old).map((line) => `+ ${line}`),
  ];
}

/**
 * @param {readonly string[]} lines
 * @param {readonly string[]} others each takes away one line that is equal to it
 */
function without(lines, others) {
  /** @type {Map<string, number>} */
  const left = new Map();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
