import type { AlertRule } from './alert-rules.js';

/** In single quotes YAML escapes nothing but the quote itself, so the expressions stay legible. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function ruleLines({
  alert,
  expr,
  for: pending,
  severity,
  summary,
  description,
}: AlertRule): readonly string[] {
  return [
    `      - alert: ${alert}`,
    `        expr: ${quoted(expr)}`,
    `        for: ${pending}`,
    `        labels:`,
    `          severity: ${severity}`,
    `        annotations:`,
    `          summary: ${quoted(summary)}`,
    `          description: ${quoted(description)}`,
  ];
}

/** The rules as a rule file of Prometheus. */
export const ruleFile = (rules: readonly AlertRule[]): string =>
  ['groups:', '  - name: quorlock', '    rules:', ...rules.flatMap(ruleLines), ''].join('\n');
