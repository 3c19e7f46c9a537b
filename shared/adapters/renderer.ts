import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ConvergeError } from '../errors.ts';
import { parseJson } from '../objects/exact-json.ts';
import type { KubernetesObject, RenderedObject } from '../objects/kubernetes-object.ts';
import type { Render, Renderer, RenderRequest } from '../pipeline/ports.ts';

const objectSchema = z.custom<KubernetesObject>(isKubernetesObject, 'is no Kubernetes object');

const lineSchema = z.union([
  z.object({ object: objectSchema, source: z.string() }),
  z.object({ hook: objectSchema, source: z.string(), events: z.array(z.string()) }),
  z.object({ read: z.string() }),
  z.object({ error: z.object({ source: z.string(), file: z.string().optional(), message: z.string() }) }),
]);

type Line = z.infer<typeof lineSchema>;
type RenderProblem = Extract<Line, { error: unknown }>['error'];

/** How a run of the program ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly overdue: boolean;
  readonly stderr: string;
}

interface Output {
  readonly objects: RenderedObject[];
  readonly hooks: (RenderedObject & { readonly events: readonly string[] })[];
  readonly reads: Set<string>;
  problem: RenderProblem | undefined;
}

/** What is kept of the program's standard error: the first words of a crash tell why. */
const stderrCharacters = 8192;

/**
 * The renderer as a program of its own (`tools/render`), one process per render, so that a bomb in somebody's chart
 * dies alone: of its deadline, held here, or of its memory limit, which the program has the kernel hold.
 *
 * @param program path of the executable
 * Throws `BadConfiguration` where the program can't be run.
 */
export function createRenderer({ program }: { program: string }): Renderer {
  return {
    async render(request) {
      await refuseMissingProgram(program);
      const output: Output = { objects: [], hooks: [], reads: new Set(), problem: undefined };
      const exit = await run({ program, request, onLine: (line) => collect(output, line) });
      return toRender({ request, output, exit });
    },
  };
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

async function run({ program, request, onLine }: {
  program: string;
  request: RenderRequest;
  onLine: (line: string) => void;
}): Promise<Exit> {
  const child = spawn(program, [], { cwd: request.root, env: {}, stdio: 'pipe' });
  const ended = endOf(child);
  let overdue = false;
  const deadline = setTimeout(() => {
    overdue = true;
    child.kill('SIGKILL');
  }, request.limits.seconds * 1000);
  try {
    // A program that ends before it has read its request breaks the pipe; its end is reported by `ended`.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify({ ...request, root: resolve(request.root) }));
    const [end, stderr] = await Promise.all([ended, readBeginning(child.stderr), readLines(child.stdout, onLine)]);
    return { ...end, overdue, stderr };
  } catch (error) {
    child.kill('SIGKILL');
    if (error instanceof ConvergeError) throw error;
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: request.root,
      message: 'the renderer could not be run',
      disposition: 'retry',
      cause: error,
    });
  } finally {
    clearTimeout(deadline);
  }
}

async function endOf(child: ChildProcessWithoutNullStreams): Promise<Pick<Exit, 'code' | 'signal'>> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

async function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  stream.setEncoding('utf8');
  let unfinished: string[] = [];
  for await (const chunk of stream) {
    const [first = '', ...others] = String(chunk).split('\n');
    unfinished.push(first);
    for (const next of others) {
      onLine(unfinished.join(''));
      unfinished = [next];
    }
  }
}

async function readBeginning(stream: NodeJS.ReadableStream): Promise<string> {
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) {
    if (text.length < stderrCharacters) text += String(chunk).slice(0, stderrCharacters - text.length);
  }
  return text;
}

function collect(output: Output, text: string): void {
  const line = parseLine(text);
  if ('object' in line) output.objects.push(line);
  else if ('hook' in line) output.hooks.push({ object: line.hook, source: line.source, events: line.events });
  else if ('read' in line) output.reads.add(line.read);
  else output.problem = line.error;
}

function parseLine(text: string): Line {
  try {
    return lineSchema.parse(parseJson(text));
  } catch (error) {
    throw new ConvergeError({
      code: 'RenderFailed',
      subject: text.slice(0, 200),
      message: 'is not a line the renderer may write',
      remedy: 'the renderer and the functions must be of one version',
      disposition: 'refuse',
      cause: error,
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
  if (output.problem !== undefined) {
    const { source, file, message } = output.problem;
    throw refusal(file === undefined ? source : `${source}, ${file}`, message);
  }
  if (exit.overdue && exit.signal !== null) {
    throw refusal(lastRead(output, request), `the render that read it last was not done within its limit of ${seconds} s`);
  }
  if (exit.code !== 0) {
    const end = exit.signal === null ? `exit code ${exit.code}` : exit.signal;
    const words = lastWords(exit.stderr);
    throw refusal(
      lastRead(output, request),
      `the render that read it last died (${end}) of its limits, ${mebibytes} MiB and ${seconds} s, or of a crash: ${words}`,
    );
  }
  return { objects: output.objects, hooks: output.hooks, reads: [...output.reads].sort() };
}

/** The file that the program read last: most likely the one that killed it. */
function lastRead({ reads }: Output, { root }: RenderRequest): string {
  return [...reads].at(-1) ?? root;
}

function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '');
  return lines.find((line) => /^(fatal error|panic|runtime):/.test(line)) ?? lines[0] ?? 'it said nothing';
}

function refusal(subject: string, message: string): ConvergeError {
  return new ConvergeError({ code: 'RenderFailed', subject, message, disposition: 'refuse' });
}
