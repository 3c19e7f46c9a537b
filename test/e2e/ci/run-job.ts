import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { Denied, type Google } from './google.ts';
import type { Job, Step, Variables } from './jobs.ts';

/** What became of a job. */
export interface JobEnded {
  readonly code: number | null;
  /** All that its steps wrote, as the CI's log shows it. */
  readonly log: string;
}

export interface Agent {
  readonly google: Google;
  /** A folder of this agent's own. */
  readonly folder: string;
  /** By id, the files that the CI keeps for its jobs. */
  readonly files: Variables;
  /** Of the machine, beside what a CI sets. */
  readonly machine: Variables;
}

/** Programs that a job calls by name: a stand-in each, in a folder for `PATH`. */
export async function writeStandIns(folder: string): Promise<string> {
  const programs = join(folder, 'programs');
  await mkdir(programs, { recursive: true });
  for (const name of ['gcloud', 'curl']) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, `${name}.ts`)}' "$@"\n`;
    await writeFile(join(programs, name), script, { mode: 0o755 });
  }
  return programs;
}

/**
 * A job as its CI runs it, until a step fails.
 *
 * @param workspace the folder of the checkout
 * @param said what the CI sets in each of its jobs, beside what its files say
 * @param named what GitHub's expressions call `vars`
 */
export async function runJob(
  agent: Agent,
  job: Job,
  { workspace, said, named = {} }: { workspace: string; said: Variables; named?: Variables },
): Promise<JobEnded> {
  const home = await mkdtemp(join(agent.folder, 'home-'));
  let variables: Variables = { HOME: home, WORKSPACE_TMP: home, ...agent.machine, ...said };
  for (const [name, audience] of Object.entries(job.tokens)) {
    const filled = audience.replace(/\$(\w+)/g, (_whole, key: string) => variables[key] ?? '');
    variables = { ...variables, [name]: await agent.google.ciToken(filled) };
  }
  const files = Object.entries(job.files).map(([name, id]) => [name, agent.files[id] ?? '']);
  variables = { ...variables, ...Object.fromEntries(files) };
  let log = '';
  let outputs: Variables = {};
  for (const step of job.steps) {
    const expand = (text: string): string =>
      text.replace(/\$\{\{ *(?:vars\.(\w+)|steps\.(\w+)\.outputs\.(\w+)) *\}\}/g, (_whole, name, id, output) =>
        String(name === undefined ? outputs[`${id}.${output}`] : named[name]),
      );
    if (step.step === 'auth') {
      const signed = await signIn({ agent, step, home, expand }).catch((error: unknown) => {
        if (error instanceof Denied) return error;
        throw error;
      });
      if (signed instanceof Denied) return { code: 1, log: `${log}Error: ${signed.message}` };
      variables = { ...variables, ...signed.variables };
      outputs = { ...outputs, ...signed.outputs };
      continue;
    }
    const own = Object.fromEntries(Object.entries(step.variables).map(([name, value]) => [name, expand(value)]));
    const ended = await runStep({ step, workspace, home, variables: { ...variables, ...own } });
    log += ended.log;
    if (ended.code !== 0) return { code: ended.code, log };
  }
  return { code: 0, log };
}

/** `google-github-actions/auth`: https://github.com/google-github-actions/auth#inputs */
async function signIn({
  agent: { google },
  step: { id, inputs },
  home,
  expand,
}: {
  agent: Agent;
  step: Extract<Step, { step: 'auth' }>;
  home: string;
  expand: (text: string) => string;
}): Promise<{ variables: Variables; outputs: Variables }> {
  const given = (name: string): string => expand(inputs[name] ?? '');
  const audience = `//iam.googleapis.com/${given('workload_identity_provider')}`;
  const token = await google.ciToken(audience.replace('//', 'https://'));
  const access = await google.exchange({ audience, token });
  const file = join(home, `credentials-${id}.json`);
  await writeFile(file, JSON.stringify({ type: 'external_account', audience }));
  const variables = { GOOGLE_APPLICATION_CREDENTIALS: file, CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: file };
  if (given('token_format') !== 'id_token') return { variables, outputs: {} };
  const idToken = await google.idToken({
    access,
    account: given('service_account'),
    audience: given('id_token_audience'),
    includeEmail: given('id_token_include_email') === 'true',
  });
  const writesFile = given('create_credentials_file') !== 'false';
  return { variables: writesFile ? variables : {}, outputs: { [`${id}.id_token`]: idToken } };
}

async function runStep({
  step,
  workspace,
  home,
  variables,
}: {
  step: Exclude<Step, { step: 'auth' }>;
  workspace: string;
  home: string;
  variables: Variables;
}): Promise<JobEnded> {
  if (step.step === 'program') return run([step.program, ...step.parameters], { workspace, variables });
  const file = join(home, 'script');
  await writeFile(file, step.text);
  return run(
    step.shell.map((word) => word.replace('{0}', file)),
    { workspace, variables },
  );
}

async function run(
  [program = '', ...parameters]: readonly string[],
  { workspace, variables }: { workspace: string; variables: Variables },
): Promise<JobEnded> {
  const child = spawn(program, parameters, { cwd: workspace, env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const code = await new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  return { code, log };
}

/** Where a job finds programs: what it installs itself, the stand-ins, this Node, and those of the machine. */
export function pathOf({ installed, standIns }: { installed: string; standIns: string }): string {
  return [installed, standIns, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
}
