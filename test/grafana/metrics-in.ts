import { parser } from '@prometheus-io/lezer-promql';

export interface MetricsInQuery {
  /** The metric and the matched labels of each selector. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** The labels in `by` and `on`. */
  readonly grouping: readonly string[];
}

/**
 * The metrics and labels in a PromQL expression. Throws a `SyntaxError` with the place if its syntax is
 * wrong.
 */
export function metricsIn(expr: string): MetricsInQuery {
  const selectors: { metric: string; labels: readonly string[] }[] = [];
  const grouping: string[] = [];
  const text = (node: { from: number; to: number } | null): string =>
    node ? expr.slice(node.from, node.to) : '';
  parser.parse(expr).iterate({
    enter: ({ type, from, node }) => {
      if (type.isError) throw new SyntaxError(`at ${from}, "${expr.slice(from)}", in: ${expr}`);
      if (type.name === 'VectorSelector') {
        const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
        selectors.push({
          metric: text(node.getChild('Identifier')),
          labels: matchers.map((matcher) => text(matcher.getChild('LabelName'))),
        });
      }
      if (type.name === 'GroupingLabels') grouping.push(...node.getChildren('LabelName').map(text));
    },
  });
  return { selectors, grouping };
}
