#!/usr/bin/env node
import './needed-node.cjs';

// What a library warns of (listeners of a stream, say) is none of the user's business.
process.removeAllListeners('warning');
const { keepCompiledCode } = await import('./compiled-code.ts');
keepCompiledCode();
const { main } = await import('./main.ts');
await main();
