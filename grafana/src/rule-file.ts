import type { AlertRule } from './alert-rules.js';

/** A YAML string. In single quotes only the quote itself is escaped, so expressions stay readable. */
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

/** The text of a Prometheus rule file with these rules. */
export const ruleFile = (rules: readonly AlertRule[]): string =>
  ['groups:', '  - name: quorlock', '    rules:', ...rules.flatMap(ruleLines), ''].join('\n');
