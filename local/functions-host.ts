import { channel } from 'node:diagnostics_channel';
import { createServer, type Server } from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { getFunction, getTestServer } from '@google-cloud/functions-framework/testing';
import { keptAlive } from './kept-alive.ts';

/**
 * Hosts every function that a module registers in one process, each under its name: `/copyArtifact`, `/reconcile`.
 * Prints its port on one line and lives as long as its standard input.
 *
 * `node local/functions-host.ts --source functions/index.ts [--port 18080]`
 */
const { values } = parseArgs({ options: { source: { type: 'string' }, port: { type: 'string', default: '0' } } });
if (values.source === undefined) throw new Error('--source is missing: the module that registers the functions');

// A clean exit, so that compiled code is kept for the next start.
process.stdin.once('close', () => process.exit(0)).resume();

await import(pathToFileURL(values.source).href);

const servers = new Map<string, Server>();
const started = channel('http.server.request.start');

function serverOf(name: string): Server | undefined {
  const known = servers.get(name);
  if (known !== undefined || getFunction(name) === undefined) return known;
  const server = getTestServer(name);
  servers.set(name, server);
  return server;
}

const dispatcher = createServer(keptAlive, (request, response) => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const [, name = '', ...rest] = pathname.split('/');
  const server = serverOf(name);
  if (server === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end(`no function is named ${name}\n`);
    return;
  }
  request.url = `/${rest.join('/')}${search}`;
  // As Node does for a server that listens by itself: the functions hold back bodies then.
  started.publish({ request, response, socket: request.socket, server });
  server.emit('request', request, response);
});
dispatcher.requestTimeout = 0;
dispatcher.listen(Number(values.port), '127.0.0.1', () => {
  const address = dispatcher.address();
  if (address === null || typeof address === 'string') throw new Error('the functions listen on no port');
  console.log(String(address.port));
});
