// Plain JavaScript, so that a Node that is too old to strip types says so instead of a syntax error.
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `error: converge needs Node 24 or newer, and this is ${process.versions.node}\n` +
      '  in a checkout, npm ci brings it (without --ignore-scripts), and npm start, npm test and npx --no converge take that one\n',
  );
  process.exit(2);
}
