import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Writes lines to stdout: in colours in a terminal that has them, plain everywhere else. */
export class Screen {
  readonly #coloured: boolean;
  /** When the first tick is due. Events show the time since then. */
  #zeroMs: number | undefined;
  readonly #early: ((zeroMs: number) => void)[] = [];

  constructor(private readonly stream: NodeJS.WriteStream = process.stdout) {
    // hasColors knows NO_COLOR and terminals without colours; a pipe has no such method.
    this.#coloured = stream.isTTY && stream.hasColors();
  }

  /** Sets the zero of the shown times, and shows the events that were kept until now. */
  startClock(zeroMs: number): void {
    this.#zeroMs = zeroMs;
    for (const show of this.#early.splice(0)) show(zeroMs);
  }

  style(style: Style, text: string): string {
    return this.#coloured ? styleText(style, text, { validateStream: false }) : text;
  }

  line(text = ''): void {
    this.stream.write(`${text}\n`);
  }

  /** A line under a heading: `nodes    node-1 ...`. */
  fact(heading: string, text: string): void {
    this.line(`${this.style('bold', heading.padEnd(9))}${text}`);
  }

  /** An event that happens now. */
  event(subject: string, text: string, style: Style = 'reset'): void {
    const nowMs = Date.now();
    const show = (zeroMs: number): void => {
      const time = this.style('dim', `${((nowMs - zeroMs) / 1_000).toFixed(1).padStart(6)} s`);
      this.line(`${time}  ${this.style(style, `${subject.padEnd(10)} ${text}`)}`);
    };
    if (this.#zeroMs === undefined) this.#early.push(show);
    else show(this.#zeroMs);
  }

  /** A table. Columns are as wide as needed, and numbers are aligned to the right. */
  table(title: string, head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const widths = head.map((heading, column) =>
      Math.max(heading.length, ...rows.map((row) => String(row[column] ?? '').length)),
    );
    const isNumber = head.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
    const format = (cells: readonly (string | number)[]): string =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return isNumber[column] ? String(cell).padStart(width) : String(cell).padEnd(width);
        })
        .join('  ')
        .trimEnd();
    this.line();
    this.line(this.style('bold', title));
    this.line(this.style('dim', `  ${format(head)}`));
    for (const row of rows) this.line(`  ${format(row)}`);
  }
}

/** `12:00:05` */
export const clockTime = (epochMs: number): string => new Date(epochMs).toTimeString().slice(0, 8);

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
