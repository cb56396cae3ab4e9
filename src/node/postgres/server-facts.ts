import type { ServerFacts } from '../server/voting-state.js';

const NO_IDENTIFIER =
  'its role may not call pg_control_system(): a backup that was restored into another cluster, and the ' +
  'same server under two names, go unnoticed';
const NO_FSYNC = 'fsync is off: a restart counts as a loss of its memory';

/**
 * Who a server is, and what its operator should know, from what a look tells. The run of a server names its
 * cluster and its timeline; then its table, and what else has one memory.
 */
export function factsIn({ run = '', fsync }: Readonly<Record<string, string>>): ServerFacts {
  const [cluster, timeline, , start = ''] = run.split('/');
  return {
    runId: cluster === '' ? undefined : `${cluster}/${timeline}${start === '' ? '' : `/${start}`}`,
    cautions: [cluster === '' ? NO_IDENTIFIER : undefined, fsync === 'off' ? NO_FSYNC : undefined].filter(
      (caution) => caution !== undefined,
    ),
  };
}
