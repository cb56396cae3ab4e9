/**
 * Bundles an application with everything that it needs, for `import` and for `require`, and runs the bundles:
 * one with Nest, or with `client` one with node-redis as the only client library. What Nest itself loads only
 * where it is installed stays outside.
 */
const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const webpack = require('webpack');

const ofNest = /^(@nestjs\/(microservices|websockets|platform-express)|class-(validator|transformer))/;

const withClient = process.argv[2] === 'client';
const name = withClient ? 'LockManager' : 'QuorlockModule';
const entryPoint = withClient ? 'quorlock' : 'quorlock/nestjs';
const use = withClient
  ? 'console.log(new LockManager({ nodes: [createClient()] }).nodes()[0].name); process.exit();'
  : 'console.log(typeof QuorlockModule.forRoot);';
writeFileSync(
  'imports.mjs',
  `import { ${name} } from '${entryPoint}';
   ${withClient ? "import { createClient } from 'redis';" : ''}
   ${use}`,
);
writeFileSync(
  'requires.cjs',
  `const { ${name} } = require('${entryPoint}');
   ${withClient ? "const { createClient } = require('redis');" : ''}
   ${use}`,
);

// The second resolves as webpack did before it knew the condition `module-sync`.
for (const { entry, resolve } of [
  { entry: 'imports.mjs', resolve: {} },
  { entry: 'requires.cjs', resolve: { conditionNames: ['require', 'node'] } },
]) {
  const output = { path: __dirname, filename: `${entry}.bundle.cjs` };
  const externals = ({ request }, done) =>
    ofNest.test(request) ? done(null, `commonjs ${request}`) : done();
  const options = { mode: 'development', devtool: false, target: 'node', entry: `./${entry}`, resolve };
  webpack({ ...options, output, externals: [externals] }, (error, stats) => {
    const errors = error ? [error.message] : stats.toJson().errors.map(({ message }) => message);
    const printed =
      errors.length > 0 ? '' : execFileSync(process.execPath, [output.filename], { encoding: 'utf8' }).trim();
    console.log(JSON.stringify({ entry, errors, printed }));
  });
}
