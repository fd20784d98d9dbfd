// Runs before anything else of the bundled program, on whatever Node there is.
(() => {
  const found = process.versions.node;
  const [major, minor] = found.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 13)) {
    process.stderr.write(`aga-delegate needs Node.js 22.13 or newer; this is ${found}\n`);
    // A hook that ends with anything but 2 lets the call go on.
    process.exit(process.argv.includes('hook') ? 2 : 1);
  }
  // Node 22 announces on stderr that its SQLite is experimental. Hosts show that to their users as a fault of ours.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const type = rest[0]?.type ?? rest[0];
    if (type === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return;
    emitWarning.call(process, warning, ...rest);
  };
})();
