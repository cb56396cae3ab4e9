/**
 * Bundles an application with everything that it needs, for `import` and for `require`, and runs the bundles:
 * one with Nest, or with `client` one with node-redis as the only client library. What Nest itself loads only
 * where it is installed stays outside. The other arguments are the bundlers.
 */
const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

const ofNest = /^(@nestjs\/(microservices|websockets|platform-express)|class-(validator|transformer))/;

const [content, ...bundlers] = process.argv.slice(2);
const withClient = content === 'client';
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

/** Each makes a bundle as a CommonJS file, and gives the errors. */
const BUNDLERS = {
  webpack: (entry, filename) => {
    // The second resolves as webpack did before it knew the condition `module-sync`.
    const resolve = entry === 'imports.mjs' ? {} : { conditionNames: ['require', 'node'] };
    const externals = ({ request }, done) =>
      ofNest.test(request) ? done(null, `commonjs ${request}`) : done();
    const options = { mode: 'development', devtool: false, target: 'node', entry: `./${entry}`, resolve };
    const output = { path: __dirname, filename };
    return new Promise((end) => {
      require('webpack')({ ...options, output, externals: [externals] }, (error, stats) =>
        end(error ? [error.message] : stats.toJson().errors.map(({ message }) => message)),
      );
    });
  },

  esbuild: async (entry, outfile) => {
    const options = { entryPoints: [entry], outfile, bundle: true, platform: 'node', logLevel: 'silent' };
    const { errors } = await require('esbuild').build(options);
    return errors.map(({ text }) => text);
  },

  rollup: async (input, file) => {
    // A package may also be an ES module whose function is its default export.
    const plugin = (of) => require(`@rollup/plugin-${of}`).default;
    const plugins = [
      plugin('node-resolve')({ preferBuiltins: true }),
      plugin('commonjs')(),
      plugin('json')(),
    ];
    const bundle = await require('rollup').rollup({ input, plugins, onwarn: () => undefined });
    await bundle.write({ file, format: 'cjs', inlineDynamicImports: true });
    return [];
  },
};

async function main() {
  for (const bundler of bundlers) {
    for (const entry of ['imports.mjs', 'requires.cjs']) {
      const file = `${entry}.${bundler}.cjs`;
      const errors = await BUNDLERS[bundler](entry, file);
      const bundle = join(__dirname, file);
      const printed =
        errors.length > 0 ? '' : execFileSync(process.execPath, [bundle], { encoding: 'utf8' }).trim();
      console.log(JSON.stringify({ bundler, entry, errors, printed }));
    }
  }
}

void main();
