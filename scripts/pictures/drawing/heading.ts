import { text } from './text.js';
import type { Theme } from './theme.js';

/** The title and the subtitle of a picture. */
export const heading = (title: string, subtitle: string, { ink, muted }: Theme): string =>
  text(28, 38, title, { size: 18, weight: 600, fill: ink, within: 844 }) +
  text(28, 60, subtitle, { size: 13, fill: muted, within: 844 });
