/** Prints for each entry point on the command line whether `require` and `import` give the same exports. */
async function main() {
  for (const entry of process.argv.slice(2)) {
    const required = require(entry);
    const imported = await import(entry);
    const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
    const same = names.length > 0 && names.every((name) => required[name] === imported[name]);
    console.log(`${entry}: ${same ? 'the same' : 'two copies'}`);
  }
}

void main();
