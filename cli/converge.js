#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old to strip types says so instead of a syntax error.
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(`error: converge needs Node 24 or newer, and this is ${process.versions.node}\n`);
  process.exit(2);
}
// What a library warns of (listeners of a stream, say) is none of the user's business.
process.removeAllListeners('warning');
const { main } = await import('./main.ts');
await main();
