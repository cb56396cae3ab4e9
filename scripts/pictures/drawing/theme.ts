/** One colour in three strengths: for lines, for areas, and for text on the ground or on the area. */
export interface Hue {
  readonly solid: string;
  readonly soft: string;
  readonly text: string;
}

export interface Theme {
  readonly name: 'light' | 'dark';
  readonly ground: string;
  /** Background of cards. */
  readonly card: string;
  readonly line: string;
  readonly ink: string;
  readonly muted: string;
  readonly blue: Hue;
  readonly green: Hue;
  readonly amber: Hue;
  readonly red: Hue;
  readonly purple: Hue;
  readonly gray: Hue;
  /** Fills of the rings, the outermost first. */
  readonly rings: readonly string[];
}

const LIGHT: Theme = {
  name: 'light',
  ground: '#ffffff',
  card: '#f6f8fa',
  line: '#d0d7de',
  ink: '#1f2328',
  muted: '#57606a',
  blue: { solid: '#0969da', soft: '#ddf4ff', text: '#0550ae' },
  green: { solid: '#1f883d', soft: '#dafbe1', text: '#116329' },
  amber: { solid: '#bf8700', soft: '#fff8c5', text: '#7d4e00' },
  red: { solid: '#cf222e', soft: '#ffebe9', text: '#a40e26' },
  purple: { solid: '#8250df', soft: '#fbefff', text: '#6639ba' },
  gray: { solid: '#8c959f', soft: '#eaeef2', text: '#57606a' },
  rings: ['#f3f8ff', '#e4f0ff', '#d3e5fd', '#c0d9fb', '#abcbf8', '#0969da'],
};

const DARK: Theme = {
  name: 'dark',
  ground: '#0d1117',
  card: '#161b22',
  line: '#30363d',
  ink: '#e6edf3',
  muted: '#9198a1',
  blue: { solid: '#388bfd', soft: '#11233d', text: '#79c0ff' },
  green: { solid: '#3fb950', soft: '#12291c', text: '#7ee787' },
  amber: { solid: '#d29922', soft: '#2e2411', text: '#e3b341' },
  red: { solid: '#f85149', soft: '#341a1d', text: '#ffa198' },
  purple: { solid: '#a371f7', soft: '#241b3a', text: '#d2a8ff' },
  gray: { solid: '#6e7681', soft: '#21262d', text: '#9198a1' },
  rings: ['#101a29', '#12213a', '#15294a', '#18325c', '#1b3c70', '#1f6feb'],
};

export const THEMES: readonly Theme[] = [LIGHT, DARK];
