import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LocalError } from './local-error.ts';
import { askApiServer } from './parts/api-server.ts';
import { startKubernetes, type Kubernetes } from './parts/kubernetes.ts';
import { ensurePrograms } from './programs.ts';
import { reportTo } from './say.ts';

/*
 * node local/dry-run.ts: reads objects, a JSON list, from standard input, asks a real API server of its own for a dry
 * run of each, and writes what it refuses as a JSON list of `{ index, message }`. `converge validate --api` calls it in
 * a process of its own: the command is installed without the local pipeline. It ends with whoever called it.
 */

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
type Wanted = z.infer<typeof objectSchema>;

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What others are refused without: it is applied, and not only tried. */
const needed = ['Namespace', 'CustomResourceDefinition', 'PriorityClass', 'RuntimeClass', 'ServiceAccount'];
/** Milliseconds that definitions have in all until they are served, and namespaces until their service accounts are there. */
const patience = 10_000;
const pause = 100;

async function dryRun(
  kubernetes: Kubernetes,
  objects: readonly Wanted[],
): Promise<{ index: number; message: string }[]> {
  const access = {
    port: Number(new URL(kubernetes.server).port),
    token: kubernetes.token,
    certificate: await readFile(join(kubernetes.certificates, 'apiserver.crt'), 'utf8'),
  };
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const send = body === undefined ? {} : { send: { type: 'application/apply-patch+yaml', value: body } };
    const answer = await askApiServer(access, { method, path, ...send });
    return { status: answer.statusCode ?? 0, body: await text(answer) };
  };
  const discovery = z.object({
    resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
  });
  const pathOf = async ({ apiVersion, kind, metadata }: Wanted): Promise<string | undefined> => {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { status, body } = await call('GET', root);
    if (status !== 200 && status !== 404) throw new LocalError({ message: `${root} was answered ${status}` });
    const served = status === 200 ? discovery.parse(JSON.parse(body)).resources : [];
    const found = served.find((one) => one.kind === kind && !one.name.includes('/'));
    if (found === undefined) return undefined;
    const at = found.namespaced ? `/namespaces/${encodeURIComponent(metadata.namespace ?? 'default')}` : '';
    return `${root}${at}/${found.name}/${encodeURIComponent(metadata.name)}`;
  };
  const apply = async (object: Wanted, { dry }: { dry: boolean }): Promise<Answer> => {
    const path = await pathOf(object);
    if (path === undefined) return { status: 404, body: `${object.kind} is not served in ${object.apiVersion}` };
    const query = `fieldManager=converge&force=true&fieldValidation=Strict${dry ? '&dryRun=All' : ''}`;
    return await call('PATCH', `${path}?${query}`, object);
  };
  let until = 0;
  const patiently = async (object: Wanted): Promise<Answer> => {
    until ||= performance.now() + patience;
    for (;;) {
      const answer = await apply(object, { dry: true });
      const mayCome = answer.status === 404 || (answer.status === 403 && answer.body.includes('serviceaccount'));
      if (!mayCome || performance.now() > until) return answer;
      await sleep(pause);
    }
  };

  const namespaces = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))];
  for (const name of namespaces)
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { dry: false });
  const refused: { index: number; message: string }[] = [];
  const inOrder = [...objects.entries()].sort(([, a], [, b]) => rankOf(a) - rankOf(b));
  for (const [index, object] of inOrder) {
    const answer = rankOf(object) < needed.length ? await apply(object, { dry: false }) : await patiently(object);
    if (answer.status >= 300) refused.push({ index, message: messageOf(answer) });
  }
  return refused;
}

function rankOf({ kind }: Wanted): number {
  const rank = needed.indexOf(kind);
  return rank === -1 ? needed.length : rank;
}

function messageOf({ status, body }: Answer): string {
  try {
    return z.object({ message: z.string() }).parse(JSON.parse(body)).message;
  } catch {
    return status === 404 ? body : `the API server answered ${status}`;
  }
}

const folder = await mkdtemp(join(tmpdir(), 'converge-api-'));
let kubernetes: Kubernetes | undefined;
let ending: Promise<void> | undefined;
const end = (): Promise<void> => (ending ??= stopAll());

async function stopAll(): Promise<void> {
  await kubernetes?.stop();
  await rm(folder, { recursive: true, force: true });
}

// Ctrl-C reaches the whole group; whoever called may also be killed alone.
for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const)
  process.once(event, () => void end().finally(() => process.exit(1)));
try {
  const objects = z.array(objectSchema).parse(JSON.parse(await text(process.stdin)));
  const { cluster, kwok } = await ensurePrograms({ report: reportTo(process.stderr) });
  kubernetes = await startKubernetes({ folder, programs: { cluster, kwok } });
  const refused = await dryRun(kubernetes, objects);
  process.stdout.write(JSON.stringify(refused));
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await end();
  process.removeAllListeners('disconnect');
  if (process.connected) process.disconnect();
}
