import { createHash } from 'node:crypto';
import { access, constants, open } from 'node:fs/promises';
import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { parseJson } from '../objects/exact-json.ts';
import type { KubernetesObject, RenderedHook, RenderedObject } from '../objects/kubernetes-object.ts';
import type { Render, Renderer, RenderRequest } from '../ports/renderer.ts';
import { keepRenders } from './kept-renders.ts';
import { createRenderProcesses, outputMebibytes, type Exit } from './render-process.ts';

const objectSchema = z.custom<KubernetesObject>(isKubernetesObject, 'is no Kubernetes object');

const lineSchema = z.union([
  z.object({ object: objectSchema, source: z.string() }),
  z.object({ hook: objectSchema, source: z.string(), release: z.string(), events: z.array(z.string()) }),
  z.object({ read: z.string() }),
  z.object({ missed: z.string() }),
  z.object({ manifest: z.string() }),
  z.object({ at: z.object({ source: z.string().optional(), file: z.string().optional() }) }),
  z.object({ seed: z.string() }),
  z.object({ need: z.string() }),
  z.object({ lookup: z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() }) }),
  z.object({ error: z.object({ source: z.string(), file: z.string().optional(), message: z.string() }) }),
]);

type Line = z.infer<typeof lineSchema>;
type RenderProblem = Extract<Line, { error: unknown }>['error'];

/** What came of one manifest, or of all that was rendered. */
interface Rendered {
  readonly objects: RenderedObject[];
  readonly hooks: RenderedHook[];
  size: number;
}

/** By the id that the program gives a manifest: the same for the same content at the same path. */
type Manifests = ReadonlyMap<string, Readonly<Rendered>>;

interface Output extends Rendered {
  readonly reads: Set<string>;
  /** Where nothing could be read. */
  readonly missed: Set<string>;
  readonly manifests: Map<string, Rendered>;
  /** The manifest whose objects are being read; of a known one, none will come. */
  manifest: Rendered | undefined;
  problem: RenderProblem | undefined;
  /** Where the program is: should it die, there it died. */
  at: { readonly source: string; readonly file?: string };
  /** The index of the source that is being rendered, and those of what was. */
  source: number;
  readonly madeBy: { readonly objects: number[]; readonly hooks: number[] };
}

/** What of the program's file tells its version. */
const versionBytes = 64 * 1024;

/**
 * How much of rendered JSON an instance keeps; as objects, with what became of them, it takes about eight times that.
 */
const keptCharacters = 16 * 1024 * 1024;

/**
 * The renderer as a program of its own (`tools/render`), so that a bomb in somebody's chart dies alone: of its deadline,
 * held here, or of its memory limit, which the program has the kernel hold, and which is watched here where no kernel
 * does. One process renders one request at a time, and the next one where it came to a good end; a request that such a
 * process dies of is rendered by a new one before it is refused. What the manifests of a kept render came to is not
 * rendered again where they are the same.
 *
 * @param program path of the executable
 * Throws `BadConfiguration` where the program can't be run.
 */
export function createRenderer({ program }: { program: string }): Renderer {
  let version: Promise<string> | undefined;
  const processes = createRenderProcesses({ program });
  const kept = keepRenders({ limit: keptCharacters });
  const manifestsOf = new WeakMap<Render, Manifests>();
  return {
    async version() {
      version ??= versionOf(program);
      version.catch(() => (version = undefined));
      return version;
    },
    async render(request) {
      await refuseMissingProgram(program);
      const readsManifests = request.sources.some(({ kind }) => kind === 'manifests');
      const known: Manifests = new Map(
        readsManifests ? kept.renders().flatMap((render) => [...(manifestsOf.get(render) ?? [])]) : [],
      );
      const tried = async (by: 'any' | 'new'): Promise<{ output: Output; exit: Exit }> => {
        const output = noOutput(request);
        const onLine = async (line: string) => collect({ output, line, request, known });
        return { output, exit: await processes.run({ request, known: [...known.keys()], by, onLine }) };
      };
      let { output, exit } = await tried('any');
      if (mayBeAnothersFault({ output, exit })) ({ output, exit } = await tried('new'));
      const render = toRender({ request, output, exit });
      manifestsOf.set(render, output.manifests);
      return render;
    },
    kept,
  };
}

/**
 * The beginning of a Go program holds its build id, a hash of the whole; the rest of its 40 MB need not be read for it.
 */
async function versionOf(program: string): Promise<string> {
  await refuseMissingProgram(program);
  const file = await open(program);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(versionBytes) });
    return createHash('sha256').update(`${size} `).update(buffer.subarray(0, bytesRead)).digest('hex').slice(0, 16);
  } finally {
    await file.close();
  }
}

async function refuseMissingProgram(program: string): Promise<void> {
  try {
    await access(program, constants.X_OK);
  } catch (error) {
    throw new ConvergeError({
      code: 'BadConfiguration',
      subject: program,
      message: 'the renderer is missing or not executable',
      remedy: 'renderer.program in the configuration names it',
      disposition: 'refuse',
      cause: error,
    });
  }
}

/** Takes a line of the program, and resolves with the answer where it is a question. */
async function collect({
  output,
  line: text,
  request,
  known,
}: {
  output: Output;
  line: string;
  request: RenderRequest;
  known: Manifests;
}): Promise<object | undefined> {
  const line = parseLine(text);
  if ('object' in line) add({ objects: [line], hooks: [], size: text.length });
  else if ('hook' in line) {
    add({
      objects: [],
      hooks: [{ object: line.hook, source: line.source, release: line.release, events: line.events }],
      size: text.length,
    });
  } else if ('manifest' in line) {
    output.manifest = nothing();
    output.manifests.set(line.manifest, output.manifest);
    add(known.get(line.manifest) ?? nothing());
  } else if ('read' in line) {
    output.reads.add(line.read);
    output.at = { source: output.at.source, file: line.read };
  } else if ('missed' in line) output.missed.add(line.missed);
  else if ('at' in line) {
    if (line.at.source !== undefined) output.source += 1;
    output.at = { source: output.at.source, ...line.at };
    output.manifest = undefined;
  } else if ('need' in line) return await bring(request, line.need);
  else if ('seed' in line) return await request.seed();
  else if ('lookup' in line) return (await request.lookup?.(line.lookup)) ?? { refused: 'it is not allowed' };
  else output.problem = line.error;
  return undefined;

  function add({ objects, hooks, size }: Readonly<Rendered>): void {
    for (const rendered of output.manifest === undefined ? [output] : [output, output.manifest]) {
      for (const object of objects) rendered.objects.push(object);
      for (const hook of hooks) rendered.hooks.push(hook);
      rendered.size += size;
    }
    output.madeBy.objects.push(...objects.map(() => output.source));
    output.madeBy.hooks.push(...hooks.map(() => output.source));
  }
}

/**
 * Whether the process may have died of what it held of earlier requests, or have been gone already: no render is
 * refused for that.
 */
function mayBeAnothersFault({ output, exit }: { output: Output; exit: Exit }): boolean {
  return (
    exit.end === 'gone' &&
    exit.wasUsed &&
    !['time', 'output'].includes(exit.killedFor ?? '') &&
    output.problem === undefined
  );
}

function noOutput(request: RenderRequest): Output {
  return {
    ...nothing(),
    reads: new Set(),
    missed: new Set(),
    manifests: new Map(),
    manifest: undefined,
    problem: undefined,
    at: { source: request.root },
    source: -1,
    madeBy: { objects: [], hooks: [] },
  };
}

/** What the program reads next is on disk when it is answered. */
async function bring({ partial }: RenderRequest, path: string): Promise<object> {
  const brought = await partial?.bring(path);
  return brought === undefined || brought === 'unknown' ? { absent: [], unknown: true } : brought;
}

function nothing(): Rendered {
  return { objects: [], hooks: [], size: 0 };
}

function parseLine(text: string): Line {
  try {
    return lineSchema.parse(parseJson(text));
  } catch {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: 'the renderer',
      // What it says may be a Secret.
      message: `wrote a line of ${text.length} characters that it may not write`,
      remedy: 'the renderer and the functions must be of one version',
      disposition: 'refuse',
    });
  }
}

function isKubernetesObject(value: unknown): value is KubernetesObject {
  if (!isRecord(value) || !isRecord(value['metadata'])) return false;
  return [value['apiVersion'], value['kind'], value['metadata']['name']].every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function toRender({ request, output, exit }: { request: RenderRequest; output: Output; exit: Exit }): Render {
  const { seconds, mebibytes } = request.limits;
  const reads = [...new Set([...output.reads, ...output.missed])].sort();
  const refusal = (subject: string, message: string): ConvergeError =>
    new ConvergeError({ code: 'RenderFailed', subject, message, reads, disposition: 'refuse' });
  if (output.problem !== undefined) {
    const { source, file, message } = output.problem;
    throw refusal(file === undefined ? source : `${source}, ${file}`, message);
  }
  const at = output.at.file === undefined ? output.at.source : `${output.at.source}, ${output.at.file}`;
  if (exit.end === 'gone' && exit.killedFor === 'output')
    throw refusal(
      at,
      `wrote more than ${outputMebibytes(request.limits)} MiB, an eighth of the limit of ${mebibytes} MiB`,
    );
  if (exit.end === 'gone' && exit.killedFor === 'time' && exit.signal !== null)
    throw refusal(at, `was not rendered within the limit of ${seconds} s`);
  if (exit.end === 'gone' && exit.killedFor === 'memory' && exit.signal !== null)
    throw refusal(at, `took more memory than the limit of ${mebibytes} MiB`);
  if (exit.end === 'gone') {
    const end = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
    const words = lastWords(exit.stderr);
    throw refusal(
      at,
      `the render died here (${end}) of its limits, ${mebibytes} MiB and ${seconds} s, or of a crash: ${words}`,
    );
  }
  const render = { objects: output.objects, hooks: output.hooks, reads: [...output.reads].sort(), size: output.size };
  return shareFiles(output) ? { ...render, madeBy: output.madeBy } : render;
}

/** Whether two sources made something of one file. */
function shareFiles({ objects, hooks, madeBy }: Output): boolean {
  const makers = new Map<string, number>();
  const isShared = (made: readonly RenderedObject[], by: readonly number[]): boolean =>
    made.some(({ source }, index) => {
      const maker = makers.get(source) ?? by[index] ?? -1;
      makers.set(source, maker);
      return maker !== by[index];
    });
  return isShared(objects, madeBy.objects) || isShared(hooks, madeBy.hooks);
}

function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const words = lines.find((line) => /^(fatal error|panic|runtime):/.test(line)) ?? lines[0] ?? 'it said nothing';
  // What a library panics with may quote what it read.
  return /^panic: (?!runtime error)/.test(words) ? 'panic' : words;
}
