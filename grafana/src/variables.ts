import {
  DatasourceVariableBuilder,
  IntervalVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { METRICS } from '../../src/prometheus/metric-names.js';

/** The chosen data source, for every panel and variable. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const ALL = { text: 'All', value: '$__all', selected: true };

function labelValues(name: string, label: string, description: string, query: string): QueryVariableBuilder {
  return (
    new QueryVariableBuilder(name)
      .label(label)
      .description(description)
      .datasource(DATASOURCE)
      .query({ query, refId: `variable-${name}` })
      .definition(query)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      // One matcher, instead of a list of all values that grows with them.
      .allValue('.*')
      .current(ALL)
  );
}

export const variables = () => [
  new DatasourceVariableBuilder('datasource')
    .label('Data source')
    .description('The Prometheus that scrapes the processes.')
    .type('prometheus')
    .current({ text: 'default', value: 'default', selected: true }),
  labelValues(
    'job',
    'Job',
    'The scrape job of the processes.',
    `label_values(${METRICS.fallbackActive}, job)`,
  ),
  labelValues(
    'instance',
    'Process',
    'The processes that ask for locks.',
    `label_values(${METRICS.fallbackActive}{job=~"$job"}, instance)`,
  ),
  labelValues(
    'lock',
    'Lock',
    'The names of the locks.',
    `label_values(${METRICS.acquired}{job=~"$job",instance=~"$instance"}, lock)`,
  ),
  new IntervalVariableBuilder('window')
    .label('Quantiles over')
    .description('The time range of the quantiles. Choose a longer one for jobs that run rarely.')
    .values('5m,30m,2h,12h,2d')
    .current({ text: '30m', value: '30m', selected: true }),
];
