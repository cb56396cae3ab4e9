import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { stat, worseFrom } from './panel-kinds.js';
import { NOT_READY, ofLocks, ofProcesses } from './promql.js';

const notReady = `sum by (job, instance) (${ofProcesses('nodeState', NOT_READY)})`;
const ready = `sum by (job, instance) (${ofProcesses('nodeState', 'state="ready"')})`;

/** The first row: whether anything is wrong. */
export const summaryPanels = () => [
  stat(
    {
      title: 'Processes without a quorum',
      description:
        'Processes without a connection to a majority of the nodes. They can acquire nothing and extend ' +
        'nothing.',
      unit: 'short',
    },
    { expr: `sum((${notReady} >= bool ${ready}) * (${notReady} > bool 0))`, legend: 'processes' },
    worseFrom(1, 'red'),
  ),
  stat(
    {
      title: 'Nodes not ready',
      description:
        'Nodes that at least one process cannot ask. A minority does no harm, but the next failure may.',
      unit: 'short',
    },
    { expr: `sum(max by (node) (clamp_max(${ofProcesses('nodeState', NOT_READY)}, 1)))`, legend: 'nodes' },
    worseFrom(1, 'orange'),
  ),
  stat(
    {
      title: 'Fallback',
      description:
        'Lock managers that lock in the fallback. In memory two processes can hold the same lock at once; ' +
        'in a database locks exclude, but depend on it alone.',
      unit: 'short',
    },
    { expr: `sum(${ofProcesses('fallbackActive')})`, legend: 'managers' },
    worseFrom(1, 'red'),
  ).mappings([{ type: MappingType.ValueToText, options: { '0': { text: 'off', color: 'green' } } }]),
  stat(
    {
      title: 'Failed',
      description:
        'Calls in the chosen time range that acquired nothing because of a fault. Each may be a job that ' +
        'did not run.',
      unit: 'short',
    },
    { expr: `sum(increase(${ofLocks('failed')}[$__range]))`, legend: 'calls' },
    worseFrom(0.5, 'red'),
  ),
  stat(
    {
      title: 'Lost',
      description:
        'Leases in the chosen time range that were lost: they ended before their holder released them. ' +
        'Each is a job that ran on without its lock, or was stopped.',
      unit: 'short',
    },
    { expr: `sum(increase(${ofLocks('expired')}[$__range]))`, legend: 'leases' },
    worseFrom(0.5, 'red'),
  ),
  stat(
    {
      title: 'Held now',
      description: 'Leases that all processes together held at the last scrape.',
      unit: 'short',
    },
    { expr: `sum(${ofLocks('leasesHeld')})`, legend: 'leases' },
  ),
];
