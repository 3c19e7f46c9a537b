import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { partEnvironment } from '../environment.ts';
import { LocalError, systemErrorCode } from '../local-error.ts';
import { keptAlive } from '../kept-alive.ts';

/** One branch or tag that a push moved. */
export interface Push {
  /** The name of the repository. */
  readonly repository: string;
  /** Its clone URL. */
  readonly url: string;
  /** `refs/heads/main` */
  readonly ref: string;
  /** Commit ids; forty zeros where the ref did not exist before, or no longer exists after. */
  readonly before: string;
  readonly after: string;
}

export interface GitOptions {
  readonly folder: string;
  readonly repositories: readonly string[];
  /**
   * Told after each push by HTTP, not before its client has the answer. What it throws goes to `log`, never to the
   * client.
   */
  readonly onPush?: (push: Push) => Promise<void>;
  readonly log?: (message: string) => void;
}

export interface GitHost {
  /** The clone URL, `http://127.0.0.1:PORT/NAME.git`. */
  url(repository: string): string;
  /** The bare repository on disk. A push made there is announced to nobody. */
  path(repository: string): string;
  /** Runs git in it; resolves with its output. What it moves is announced to nobody. */
  run(repository: string, parameters: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Each push writes the refs it moved into the file that its request named; a push past this server names none. */
const postReceive = `#!/bin/sh
if [ -n "$CONVERGE_MOVED_REFS" ]; then cat >> "$CONVERGE_MOVED_REFS"; else cat > /dev/null; fi
`;

const settings = [
  ['http.receivepack', 'true'],
  ['receive.denyNonFastForwards', 'true'],
  // As hosts do: a commit can be fetched by its id, and partial clones work.
  ['uploadpack.allowAnySHA1InWant', 'true'],
  ['uploadpack.allowFilter', 'true'],
  // Maintenance would run on in the background after the push, and after the pipeline.
  ['receive.autogc', 'false'],
  ['gc.auto', '0'],
] as const;

/**
 * A Git host: bare repositories with the branch `main`, served by `git http-backend` on a free port of 127.0.0.1, and
 * announcing pushes as a host's webhooks do, on its own time.
 */
export async function startGit(options: GitOptions): Promise<GitHost> {
  const { folder, repositories, onPush, log = () => {} } = options;
  const root = join(folder, 'repositories');
  const environment = partEnvironment({
    home: folder,
    variables: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
  });
  const path = (repository: string): string => join(root, `${repository}.git`);
  await mkdir(root, { recursive: true });
  // Not by way of `git`, which would be killed alone: at a request that is cut short the backend reads its end for
  // ever.
  const program = join(await runGit(['--exec-path'], environment), 'git-http-backend');
  await Promise.all(repositories.map((repository) => createRepository({ path: path(repository), environment })));

  const server = createServer(keptAlive);
  const base = await listen(server);
  const url = (repository: string): string => `${base}/${repository}.git`;
  const announcer: Announcer = { url, onPush, log, underWay: new Set() };
  const backend: Backend = { program, environment, root, folder, running: new Set() };
  server.on('request', (request, response) => respond({ request, response, backend, announcer }));

  return {
    url,
    path,
    run: (repository, parameters) => runGit(['--git-dir', path(repository), ...parameters], environment),
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const child of backend.running) child.kill();
      await Promise.all([closed, ...announcer.underWay]);
    },
  };
}

/** Resolves with the URL, without a path. */
async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the Git host listens on no port');
  return `http://127.0.0.1:${address.port}`;
}

/** How `git http-backend` is run, once a request. */
interface Backend {
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The folder of the repositories. */
  readonly root: string;
  /** For the files that name the refs a push moved. */
  readonly folder: string;
  readonly running: Set<ChildProcess>;
}

interface Announcer {
  readonly url: GitHost['url'];
  readonly onPush: GitOptions['onPush'];
  readonly log: (message: string) => void;
  readonly underWay: Set<Promise<void>>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly backend: Backend;
  readonly announcer: Announcer;
}

/** What fails answers 500, or cuts short what it began to answer. */
function respond(exchange: Exchange): void {
  const { response, announcer } = exchange;
  serve(exchange).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE')
      announcer.log(`git: ${error instanceof Error ? error.message : String(error)}`);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end();
  });
}

async function serve({ request, response, backend, announcer }: Exchange): Promise<void> {
  const { program, environment, root, folder, running } = backend;
  const moved = join(folder, `moved-refs-${randomUUID()}`);
  const child = spawn(program, [], {
    env: { ...environment, ...cgiVariables({ request, root }), CONVERGE_MOVED_REFS: moved },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  const closed = once(child, 'close').finally(() => running.delete(child));
  let problem = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (problem += text));
  // git stops reading a request that it refuses.
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  response.once('close', () => {
    if (!response.writableFinished) child.kill();
  });
  try {
    await Promise.all([answer({ output: child.stdout, response }), closed]);
  } finally {
    if (problem !== '') announcer.log(`git: ${problem.trim()}`);
    announce({ announcer, repository: pathRepository(request), refs: await movedRefs(moved) });
  }
}

function announce({
  announcer: { url, onPush, log, underWay },
  repository,
  refs,
}: {
  announcer: Announcer;
  repository: string | undefined;
  refs: readonly MovedRef[];
}): void {
  if (repository === undefined || onPush === undefined) return;
  for (const { ref, before, after } of refs) {
    // Hosts announce branches and tags; notes and refs of other kinds move in silence.
    if (!/^refs\/(heads|tags)\//.test(ref)) continue;
    const announcement = onPush({ repository, url: url(repository), ref, before, after }).catch((error: unknown) => {
      const problem = error instanceof Error ? error.message : String(error);
      log(`the push to ${ref} of ${repository} was not announced: ${problem}`);
    });
    underWay.add(announcement);
    void announcement.finally(() => underWay.delete(announcement));
  }
}

async function createRepository({
  path,
  environment,
}: {
  path: string;
  environment: NodeJS.ProcessEnv;
}): Promise<void> {
  await runGit(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', path], environment);
  const section = settings.map(([key, value]) => {
    const [group, name] = key.split('.');
    return `[${group}]\n\t${name} = ${value}\n`;
  });
  await writeFile(join(path, 'config'), section.join(''), { flag: 'a' });
  await mkdir(join(path, 'hooks'), { recursive: true });
  await writeFile(join(path, 'hooks', 'post-receive'), postReceive, { mode: 0o755 });
}

/** Throws `LocalError` where git is not there: what needs it comes after much that takes long. */
export async function requireGit(): Promise<void> {
  await runGit(['--version'], process.env);
}

/** Resolves with what git printed. */
async function runGit(parameters: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn('git', parameters, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, problem] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (problem += text));
  try {
    await once(child, 'close');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new LocalError({
      message: 'git is needed, and is not on the path.',
      remedy: 'Install git 2.32 or newer (https://git-scm.com).',
    });
  }
  if (child.exitCode !== 0) throw new LocalError({ message: `git ${parameters.join(' ')}: ${problem.trim()}` });
  return output.trim();
}

/** The request as CGI (RFC 3875) hands it to a program; git's own variables are in git-http-backend(1). */
function cgiVariables({ request, root }: { request: IncomingMessage; root: string }): Record<string, string> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const header = (name: string): string => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method ?? 'GET',
    CONTENT_TYPE: header('content-type'),
    // Empty for a chunked body, which git then reads to its end.
    CONTENT_LENGTH: header('content-length'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: 'local',
    REMOTE_ADDR: '127.0.0.1',
  };
}

/** Header lines, a blank line, the body: the first go into the response's head, the rest streams. */
async function answer({ output, response }: { output: Readable; response: ServerResponse }): Promise<void> {
  let read = Buffer.alloc(0);
  let end = -1;
  for await (const chunk of output.iterator({ destroyOnReturn: false })) {
    read = Buffer.concat([read, Buffer.from(chunk)]);
    end = read.indexOf('\r\n\r\n');
    if (end >= 0) break;
  }
  if (end < 0) throw new Error('git http-backend ended without an answer');
  writeHead(response, read.subarray(0, end).toString('latin1'));
  const rest = read.subarray(end + 4);
  if (rest.length > 0) output.unshift(rest);
  await pipeline(output, response);
}

function writeHead(response: ServerResponse, head: string): void {
  response.statusCode = 200;
  for (const line of head.split('\r\n')) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
    else if (name !== '') response.setHeader(name, value);
  }
}

function pathRepository(request: IncomingMessage): string | undefined {
  return /^\/([^/]+)\.git\//.exec(request.url ?? '')?.[1];
}

interface MovedRef {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

async function movedRefs(file: string): Promise<readonly MovedRef[]> {
  let lines: string;
  try {
    lines = await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  await rm(file);
  return lines
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [before, after, ref] = line.split(' ');
      return before === undefined || after === undefined || ref === undefined ? [] : [{ before, after, ref }];
    });
}
