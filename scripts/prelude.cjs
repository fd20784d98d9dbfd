// Runs before anything else of the bundled program, on whatever Node there is: hence the old-fashioned JavaScript.
(function () {
  var found = process.versions.node;
  var version = found.split('.').map(Number);
  if (version[0] < 22 || (version[0] === 22 && version[1] < 13)) {
    process.stderr.write('aga-delegate needs Node.js 22.13 or newer; this is ' + found + '\n');
    process.exit(1);
  }
  // Node 22 announces on stderr that its SQLite is experimental. Hosts show that to their users as a fault of ours.
  var emitWarning = process.emitWarning;
  process.emitWarning = function (warning, options) {
    var type = options && (options.type || options);
    if (type === 'ExperimentalWarning' && String(warning).indexOf('SQLite') === 0) return;
    emitWarning.apply(process, arguments);
  };
})();
