import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, lines, states } from './panel-kinds.js';
import { FAILED, NOT_READY, ofProcesses, perMinute, sumOfProcesses } from './promql.js';

/**
 * The states from best to worst. The timeline shows the worst that any process sees. `closed` is not a fault.
 */
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

const rankedStates = RANKED.map(({ state }, rank) => `${rank} * ${inState(state)}`);
const worstState = `max by (node) (${rankedStates.join(' or ')})`;

const mapping = {
  type: MappingType.ValueToText as const,
  options: Object.fromEntries(
    RANKED.map(({ state, color }, rank) => [String(rank), { text: state, color, index: rank }]),
  ),
};

/** The panels about nodes. */
export const nodePanels = () => [
  states(
    {
      title: 'Node states',
      description:
        'The worst state of each node that any process sees. untrusted: the node lost its memory or its ' +
        'clock was stepped, and its grants do not count for maxTtlMs. misconfigured: the node has no vote ' +
        'because of its configuration. The log says why.',
      unit: 'short',
    },
    { expr: worstState, legend: '{{node}}' },
  ).mappings([mapping]),
  lines(
    {
      title: 'Processes that cannot ask a node',
      description:
        'If all processes see it, the node is down. If a few do, the network between them and the node is ' +
        'at fault. A process needs a majority of the nodes.',
      unit: 'short',
    },
    [{ expr: `sum by (node, state) (${ofProcesses('nodeState', NOT_READY)})`, legend: '{{node}} {{state}}' }],
  ).span(12),
  bars(
    {
      title: 'Votes',
      description: 'Answers of all nodes together to all operations: acquire, confirm, extend, release.',
      unit: 'cpm',
    },
    [{ expr: perMinute('vote', ofProcesses('votes')), legend: '{{vote}}' }],
  ),
  bars(
    {
      title: 'Failed votes, by node',
      description:
        'Answers that say nothing about the lock. timeout and late: the node or the network is slow. ' +
        'unreachable: there was no connection. withdrawn: the request was cancelled before it was sent. ' +
        'disconnected: the connection broke before the answer. error: the node answered with an error. ' +
        'restored: the node had lost the key of a held lease. untrusted: the node is in quarantine, so ' +
        'its grant does not count.',
      unit: 'cpm',
    },
    [{ expr: perMinute('node, vote', ofProcesses('votes', FAILED)), legend: '{{node}} {{vote}}' }],
  ),
  lines(
    {
      title: 'Fallback, by process',
      description: 'Lock managers that lock in the fallback, or in memory only. Zero is normal.',
      unit: 'short',
    },
    [{ expr: `sum by (job, instance) (${ofProcesses('fallbackActive')})`, legend: '{{instance}}' }],
  ),
  lines(
    {
      title: 'Event loop delays, by process',
      description:
        'Seconds per minute by which timers fired late while leases were held. Delays below 100 ms do not ' +
        'count. Zero is normal. A lease that could not be extended in time is lost as stalled. With ' +
        'maxStallMs, a worker thread extends it.',
      unit: 's',
    },
    [{ expr: perMinute('job, instance', sumOfProcesses('loopDelay')), legend: '{{instance}}' }],
  ),
];
