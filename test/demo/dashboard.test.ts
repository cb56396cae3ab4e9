import { expect, it } from '@jest/globals';
import { PrometheusServer } from '../grafana/prometheus-server.js';
import { unansweredQueries } from '../grafana/unanswered.js';
import { until } from '../support/until.js';
import { allGone, startDemo } from './demo-process.js';

it('every panel of the dashboard has data from a Prometheus that scrapes the demo', async () => {
  const demo = startDemo('--seconds', '120', '--nodes', '3', '--workers', '2');
  try {
    const addresses = await until(() => {
      const found = [...demo.stdout.matchAll(/http:\/\/(127\.0\.0\.1:\d+)\/metrics/g)].map(
        ([, address]) => address!,
      );
      return found.length === 2 ? found : undefined;
    });
    const targets = addresses.map((address, index) => ({ address, instance: `worker-${index + 1}` }));
    const prometheus = await PrometheusServer.start(targets);
    try {
      const isAnswered = async (): Promise<boolean> => {
        const unanswered = await unansweredQueries(prometheus);
        // The jobs of the demo are skipped when they are held. Nothing waits, so there is no time waited.
        const unexplained = unanswered.filter((name) => !name.includes('Time waited'));
        // A failure shows the names of the panels without an answer.
        expect(unexplained).toEqual([]);
        return true;
      };
      await until(isAnswered, { what: 'an answer to every query' }).catch(async (cause: unknown) => {
        const scrapes = JSON.stringify(await prometheus.scrapes());
        throw new Error(`${scrapes}\n${demo.stdout}\n${demo.stderr}`, { cause });
      });
    } finally {
      await prometheus.stop();
    }
  } finally {
    demo.child.kill('SIGTERM');
    await demo.exit;
    await allGone(demo);
  }
});
