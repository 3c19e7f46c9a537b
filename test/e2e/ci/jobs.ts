import { load } from 'js-yaml';
import { z } from 'zod';
import { groovyBlock, groovyTokens, groovyWords, type Token } from './groovy.ts';

/** What a job of a CI does, one after another. */
export type Step =
  /** Each script in a shell of its own, as the CI calls it; `{0}` is the script's file. */
  | { readonly step: 'script'; readonly shell: readonly string[]; readonly text: string; readonly variables: Variables }
  | {
      readonly step: 'program';
      readonly program: string;
      readonly parameters: readonly string[];
      readonly variables: Variables;
    }
  /** Google's action on GitHub. */
  | { readonly step: 'auth'; readonly id: string; readonly inputs: Variables };

export type Variables = Readonly<Record<string, string>>;

export interface Job {
  readonly steps: readonly Step[];
  /** By variable, whose token the CI puts there: the audience. */
  readonly tokens: Variables;
  /** By variable, the id of the file that the CI puts there. */
  readonly files: Variables;
}

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({});

const gitHubSchema = z.object({
  jobs: z.record(
    z.string(),
    z.object({
      steps: z.array(
        z.union([
          z.object({ run: z.string(), env: texts }),
          z.object({ uses: z.string(), id: z.string().default(''), with: texts }),
        ]),
      ),
    }),
  ),
});

/** https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell: without a shell, `bash -e {0}`. */
export function gitHubJob(text: string, name: string): Job {
  const { steps } = found(gitHubSchema.parse(load(text)).jobs, name);
  const stepOf = (step: (typeof steps)[number]): Step[] => {
    if ('run' in step) return [{ step: 'script', shell: ['bash', '-e', '{0}'], text: step.run, variables: step.env }];
    if (step.uses.startsWith('google-github-actions/auth@')) return [{ step: 'auth', id: step.id, inputs: step.with }];
    if (/^actions\/(checkout|setup-node)@/.test(step.uses)) return [];
    throw new Error(`the action ${step.uses} is not played`);
  };
  return { steps: steps.flatMap(stepOf), tokens: {}, files: {} };
}

const gitLabSchema = z.looseObject({
  extends: z.string().optional(),
  id_tokens: z.record(z.string(), z.object({ aud: z.string() })).optional(),
  before_script: z.array(z.string()).optional(),
  script: z.array(z.string()).optional(),
});

/** The lines of `before_script` and `script` are one script of bash with `errexit` and `pipefail`: https://docs.gitlab.com/runner/shells/ */
export function gitLabJob(text: string, name: string): Job {
  const file = z.record(z.string(), z.unknown()).parse(load(text));
  const own = gitLabSchema.parse(file[name]);
  const job = { ...(own.extends === undefined ? {} : gitLabSchema.parse(file[own.extends])), ...own };
  const lines = [...(job.before_script ?? []), ...(job.script ?? [])];
  const shell = ['bash', '-eo', 'pipefail', '{0}'];
  return {
    steps: [{ step: 'script', shell, text: lines.join('\n'), variables: {} }],
    tokens: Object.fromEntries(Object.entries(job.id_tokens ?? {}).map(([variable, { aud }]) => [variable, aud])),
    files: { CONVERGE_CONFIG: 'converge-config' },
  };
}

const cloudBuildSchema = z.object({
  substitutions: texts,
  steps: z.array(
    z.object({
      id: z.string(),
      entrypoint: z.string().optional(),
      args: z.array(z.string()).optional(),
      script: z.string().optional(),
      env: z.array(z.string()).default([]),
    }),
  ),
});

/**
 * Substitutions reach `args` and `env`, and no `script`, which has a shell of its own:
 * https://cloud.google.com/build/docs/configuring-builds/run-bash-scripts
 *
 * @param substitutions those that the build has by itself, and by its trigger
 */
export function cloudBuildJob(text: string, name: string, substitutions: Variables): Job {
  const file = cloudBuildSchema.parse(load(text));
  const all: Variables = { ...file.substitutions, ...substitutions };
  const fill = (value: string): string => value.replace(/\$(\w+)/g, (_whole, key: string) => found(all, key));
  const steps = file.steps.filter(({ id }) => id === name);
  if (steps.length === 0) throw new Error(`no step is ${name}`);
  const stepOf = ({ entrypoint, args = [], script, env }: (typeof steps)[number]): Step => {
    const variables = Object.fromEntries(env.map((pair) => fill(pair).split(/=(.*)/s, 2)));
    if (script !== undefined) return { step: 'script', shell: ['bash', '-e', '{0}'], text: script, variables };
    return { step: 'program', program: fill(entrypoint ?? ''), parameters: args.map(fill), variables };
  };
  return { steps: steps.map(stepOf), tokens: {}, files: {} };
}

/**
 * The scripts of a stage and of the closure that it calls. Each `sh` is a script of `sh -xe`:
 * https://www.jenkins.io/doc/pipeline/steps/workflow-durable-task-step/#sh-shell-script
 *
 * @param environment what Jenkins sets
 */
export function jenkinsJob(text: string, stage: string, environment: Variables): Job {
  const all = groovyTokens(text);
  const closure = groovyBlock(all, ['def', 'asThisJob']);
  const inner = groovyBlock(all, ['stage', '(', stage, ')']);
  if (!groovyWords(inner).includes('asThisJob')) throw new Error(`the stage ${stage} is not of this job`);
  const variables = Object.fromEntries(
    [...listOf(closure, 'withEnv')].map((pair): [string, string] => {
      const [key = '', value = ''] = pair.split(/=(.*)/s, 2);
      return [key, value.replace(/\$\{env\.(\w+)\}/g, (_whole, name: string) => found(environment, name))];
    }),
  );
  const step = (script: string): Step => {
    return { step: 'script', shell: ['sh', '-xe', '{0}'], text: script, variables };
  };
  return { steps: [...scriptsOf(closure), ...scriptsOf(inner)].map(step), tokens: {}, files: credentialsOf(all) };
}

function scriptsOf(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap(({ kind, text }, index) =>
    kind === 'script' && tokens[index - 1]?.text === 'sh' ? [text] : [],
  );
}

/** The texts of a list that a step is given. */
function listOf(tokens: readonly Token[], step: string): readonly string[] {
  const from = tokens.findIndex(({ text }) => text === step);
  const to = tokens.findIndex(({ text }, index) => index > from && text === ']');
  return tokens.slice(from, to).flatMap(({ kind, text }) => (kind === 'string' ? [text] : []));
}

/** By variable, its id: `file(credentialsId: ID, variable: NAME)` and `NAME = credentials(ID)`. */
function credentialsOf(tokens: readonly Token[]): Variables {
  const at = (index: number): string => tokens[index]?.text ?? '';
  return Object.fromEntries(
    tokens.flatMap(({ text }, index): [string, string][] => {
      if (text === 'credentialsId') return [[at(index + 6), at(index + 2)]];
      if (text === 'credentials') return [[at(index - 2), at(index + 2)]];
      return [];
    }),
  );
}

function found<T>(record: Readonly<Record<string, T>>, name: string): T {
  const value = record[name];
  if (value === undefined) throw new Error(`there is no ${name}`);
  return value;
}
