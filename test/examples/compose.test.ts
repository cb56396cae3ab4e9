import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const folder = new URL('../../examples/compose/', import.meta.url);

const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8');
const yamlOf = (path: string): unknown => parse(read(path), { merge: true });

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const { services, volumes } = yamlOf('compose.yaml') as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
};

/** What a service mounts from this repository, by its path in the container. */
const mountsOf = (name: string): ReadonlyMap<string, string> =>
  new Map(
    (services[name]!.volumes ?? [])
      .map((volume) => volume.split(':') as [string, string])
      .filter(([source]) => source.startsWith('.'))
      .map(([source, target]) => [target, source]),
  );

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly type: string; readonly query?: string }[] };
}

describe('examples/compose', () => {
  it('has an image for each service, and everything that is mounted is there', () => {
    for (const [name, { image, volumes: mounted = [] }] of Object.entries(services)) {
      expect(image).toMatch(/^[\w/.-]+:v?\d[\w.]*$/);
      for (const source of mountsOf(name).values())
        expect({ source, isThere: existsSync(new URL(source, folder)) }).toEqual({ source, isThere: true });
      const named = mounted
        .map((volume) => volume.split(':')[0]!)
        .filter((source) => !source.startsWith('.'));
      expect(Object.keys(volumes)).toEqual(expect.arrayContaining(named));
    }
  });

  it('has the three Redis servers that the examples lock on by default, on loopback only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
    const redis = Object.keys(services).filter((name) => name.startsWith('redis-'));
    const urls = redis.map((name) => `redis://127.0.0.1:${services[name]!.ports![0]!.split(':')[1]}`);
    expect(urls).toHaveLength(3);
    for (const example of ['plain/main.ts', 'express/main.ts', 'nest/settings.ts'])
      expect(read(`../${example}`)).toContain(`'${urls.join(',')}'`);
    for (const name of redis)
      expect(services[name]!.command).toEqual(expect.arrayContaining(['--appendfsync', 'always']));
  });

  it('Prometheus loads the alerts, and scrapes the ports of the examples', () => {
    const { rule_files, scrape_configs } = yamlOf('prometheus.yml') as {
      rule_files: string[];
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const mounts = mountsOf('prometheus');
    expect(rule_files.map((file) => mounts.get(file))).toEqual(['../../grafana/alerts.yml']);
    expect(mounts.get('/etc/prometheus/prometheus.yml')).toBe('./prometheus.yml');
    const targets = scrape_configs.flatMap((job) => job.static_configs.flatMap((one) => one.targets));
    const defaults = ['nest/settings.ts', 'express/main.ts'].map(
      (example) => /PORT = '(\d+)'/.exec(read(`../${example}`))?.[1],
    );
    expect(targets).toEqual(defaults.map((port) => `host.docker.internal:${port}`));
  });

  it('Grafana has the data source that the dashboards choose, and finds the dashboards', () => {
    const { datasources } = yamlOf('grafana/datasources/prometheus.yml') as {
      datasources: { type: string; url: string; isDefault: boolean }[];
    };
    expect(datasources).toHaveLength(1);
    const [{ type, url, isDefault } = datasources[0]!] = datasources;
    expect({ isDefault, host: new URL(url).host }).toEqual({ isDefault: true, host: 'prometheus:9090' });
    const { providers } = yamlOf('grafana/dashboards/quorlock.yml') as {
      providers: { options: { path: string } }[];
    };
    const found = [...mountsOf('grafana')].filter(([target]) =>
      target.startsWith(providers[0]!.options.path),
    );
    expect(found.map(([, source]) => source)).toEqual([
      '../../grafana/quorlock.json',
      '../../grafana/jobs.json',
    ]);
    for (const [, source] of found) {
      const { templating } = JSON.parse(read(source)) as Dashboard;
      // `current` is the default data source, and may be of this kind only.
      expect(templating.list.find((variable) => variable.type === 'datasource')?.query).toBe(type);
    }
    const home = services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'];
    expect(found.map(([target]) => target)).toContain(home);
  });
});
