const MOST_COLUMNS = 110;
/** Words. Code in backticks counts as one word, even with spaces. */
const WORDS = /(?:`[^`]*`|[^\s`])+/g;

/** Wraps the paragraphs and items of a Markdown page at 110 columns. Tables and headings are not changed. */
export function wrapped(page: string): string {
  const lines: string[] = [];
  /** The words of the current paragraph or item, and the indent of its second line. */
  let words: string[] = [];
  let indent = '';
  const end = (): void => {
    let line = words.shift();
    for (const word of words) {
      if (line !== undefined && line.length + 1 + word.length <= MOST_COLUMNS) line += ` ${word}`;
      else {
        if (line !== undefined) lines.push(line);
        line = indent + word;
      }
    }
    if (line !== undefined) lines.push(line);
    words = [];
  };
  for (const line of page.split('\n')) {
    const isItem = /^(-|\d+\.) /.test(line);
    if (line === '' || /^[#|]/.test(line) || isItem) end();
    if (line === '' || /^[#|]/.test(line)) lines.push(line);
    else {
      if (words.length === 0) indent = isItem ? '  ' : '';
      words.push(...(line.match(WORDS) ?? []));
    }
  }
  end();
  return lines.join('\n');
}
