const MOST_COLUMNS = 110;
/** Code is not broken, although it may have spaces. */
const WORDS = /(?:`[^`]*`|[^\s`])+/g;

/** A Markdown page whose paragraphs and items have at most 110 columns; tables, headings and empty lines are left as they are. */
export function wrapped(page: string): string {
  const lines: string[] = [];
  /** The paragraph or item that is being read, and by how much its further lines are indented. */
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
