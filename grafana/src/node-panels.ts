import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, lines, states } from './panel-kinds.js';
import { FAILED, NOT_READY, ofProcesses, perMinute, sumOfProcesses } from './promql.js';

/** The states from best to worst: the timeline shows the worst that any process sees. `closed` is nobody's fault. */
const RANKED = [
  { state: 'closed', color: 'text' },
  { state: 'ready', color: 'green' },
  { state: 'connecting', color: 'yellow' },
  { state: 'new', color: 'yellow' },
  { state: 'untrusted', color: 'orange' },
  { state: 'unreachable', color: 'red' },
  { state: 'misconfigured', color: 'purple' },
] as const;

const inState = (state: string) => `clamp_max(${ofProcesses('nodeState', `state="${state}"`)}, 1)`;

const worstState = `max by (node) (${RANKED.map(({ state }, rank) => `${rank} * ${inState(state)}`).join(' or ')})`;

const mapping = {
  type: MappingType.ValueToText as const,
  options: Object.fromEntries(
    RANKED.map(({ state, color }, rank) => [String(rank), { text: state, color, index: rank }]),
  ),
};

/** What the nodes do. */
export const nodePanels = () => [
  states(
    {
      title: 'Node states',
      description:
        'The worst state of each node that any process sees. untrusted: it lost its memory or its clock was stepped, and its grants do not count for one longest TTL. misconfigured: it must not vote, because of its configuration. The log says why.',
      unit: 'short',
    },
    { expr: worstState, legend: '{{node}}' },
  ).mappings([mapping]),
  lines(
    {
      title: 'Processes that cannot ask a node',
      description:
        'All processes: the node is down. A few: the network between them and the node. A process needs a majority of the nodes.',
      unit: 'short',
    },
    [{ expr: `sum by (node, state) (${ofProcesses('nodeState', NOT_READY)})`, legend: '{{node}} {{state}}' }],
  ).span(12),
  bars(
    {
      title: 'Votes',
      description: 'Answers of all nodes together, to every operation: acquire, confirm, extend, release.',
      unit: 'cpm',
    },
    [{ expr: perMinute('vote', ofProcesses('votes')), legend: '{{vote}}' }],
  ),
  bars(
    {
      title: 'Failed votes, by node',
      description:
        'Answers that tell nothing about the lock. timeout and late: the node or the network is slow. disconnected: the connection broke under way. error: the node answered with an error. restored: it had lost the key of a held lease. untrusted: it granted, but lost its memory not long enough ago.',
      unit: 'cpm',
    },
    [{ expr: perMinute('node, vote', ofProcesses('votes', FAILED)), legend: '{{node}} {{vote}}' }],
  ),
  lines(
    {
      title: 'Fallback, by process',
      description: 'Lock managers whose locks hold in their own process only. Zero is right.',
      unit: 'short',
    },
    [{ expr: `sum by (job, instance) (${ofProcesses('fallbackActive')})`, legend: '{{instance}}' }],
  ),
  lines(
    {
      title: 'Event loop delays, by process',
      description:
        'Seconds in each minute by which timers of lock managers ran late while leases were held; delays below 100 ms are left out. Zero is right. A lease that is not extended in time because of it expires as stalled; maxStallMs keeps it.',
      unit: 's',
    },
    [{ expr: perMinute('job, instance', sumOfProcesses('loopDelay')), legend: '{{instance}}' }],
  ),
];
