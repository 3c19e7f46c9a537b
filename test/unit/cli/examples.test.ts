import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../cli/program.ts';

const folder = join(import.meta.dirname, '../../../examples/ci');
const files = readdirSync(folder).sort();
const unopened = () => {
  throw new Error('the command line was taken');
};

/** The command lines of `converge` in a text, as words: a variable is one. */
function commandsOf(text: string): string[][] {
  const lines = [...text.matchAll(/(?:bin\/converge"|run: converge|- converge) +(.*)$/gm)].map(([, line = '']) =>
    (line.match(/"[^"]*"|[^\s"']+/g) ?? []).map((word) => word.replaceAll('"', '')),
  );
  const lists = [...text.matchAll(/entrypoint: converge\n\s+args: \[(.*)\]/g)].map(([, list = '']) =>
    list.split(',').map((word) => word.trim()),
  );
  return [...lines, ...lists];
}

async function reach(parameters: readonly string[]): Promise<void> {
  const program = makeProgram({ open: unopened, answer: () => undefined });
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => undefined });
  await program.parseAsync(parameters, { from: 'user' });
}

describe('the examples of CIs', () => {
  it('are one for each, beside their README', () => {
    expect(files).toEqual([
      'Jenkinsfile',
      'README.md',
      'cloudbuild.yaml',
      'deploy',
      'github-actions.yaml',
      'gitlab-ci.yaml',
    ]);
  });

  it.each(files.filter((file) => file !== 'README.md' && file !== 'deploy'))(
    '%s calls the command as it is, and shows the plain copy beside it',
    async (file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const commands = commandsOf(text);
      expect(commands.length).toBeGreaterThan(0);
      for (const command of commands) await expect(reach(command)).rejects.toThrow('the command line was taken');
      expect(text).toContain('gcloud storage cp deploy.tgz gs://family-master/deploy.tgz');
      expect(text).toContain('converge-commit=');
      if (file.endsWith('.yaml')) expect(load(text)).toBeTypeOf('object');
    },
  );

  it.each([
    ['github-actions.yaml', 'token_format: id_token', 'id_token_include_email: true'],
    ['gitlab-ci.yaml', 'export CONVERGE_ID_TOKEN', '\\"includeEmail\\": true'],
    ['Jenkinsfile', 'export CONVERGE_ID_TOKEN', '\\\\"includeEmail\\\\": true'],
  ])('%s asks for an ID token that tells whose it is: status lets in no other', (file, asks, how) => {
    expect(readFileSync(join(folder, file), 'utf8').split(asks)[1]).toContain(how);
  });

  it.each(['github-actions.yaml', 'gitlab-ci.yaml'])(
    '%s shows the token of its host in each job, and no key',
    (file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      expect(text.match(/id-token: write|id_tokens:/g)).toHaveLength(1);
      expect(text.match(/extends: \.identity|workload_identity_provider: '/g)).toHaveLength(2);
      expect(text).not.toMatch(/service_account_key|credentials_json|private_key/);
    },
  );

  it('of Jenkins shows the token that Jenkins signs in each stage, and no key', () => {
    const text = readFileSync(join(folder, 'Jenkinsfile'), 'utf8');
    const stages = text.split('stages {')[1] ?? '';
    expect(stages.match(/asThisJob \{/g)).toHaveLength(stages.match(/steps \{/g)?.length ?? 0);
    expect(text).toContain(
      'create-cred-config "$CONVERGE_IDENTITY_PROVIDER" --credential-source-file="$JENKINS_TOKEN_FILE"',
    );
    expect(text).not.toMatch(/GOOGLE_APPLICATION_CREDENTIALS *= *credentials|service_account_key|private_key/);
  });

  it.each(files.filter((file) => file !== 'deploy'))('%s asks no registry for the name of the command', (file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).not.toMatch(/npx|npm (?:install|i|exec)[^\n]* converge(?![-\w./])/);
    for (const [, what = ''] of text.matchAll(/(?:RUN|-|run:|^) *npm install.* (\S+)$/gm))
      expect(what).toMatch(/CONVERGE_PACKAGE"|\.tgz/);
  });

  it('would not pass with an option that is none', async () => {
    await expect(reach(['upload', '--brunch', 'main', './deploy'])).rejects.toThrow('unknown option');
  });
});

const none = { open: unopened, answer: () => undefined };
const verbs = makeProgram(none).commands.flatMap((command) => [
  command.name(),
  ...command.commands.map((of) => `${command.name()} ${of.name()}`),
]);

/** A command of one or two words, of a program in which every verb only says that its line was taken. */
function find(name: string): { readonly program: Command; readonly command: Command } {
  const program = makeProgram(none);
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of all) {
    command.configureOutput({ writeErr: () => undefined });
    command.action(unopened);
  }
  const command = all.find((one) => [one.parent?.name(), one.name()].join(' ').endsWith(name));
  if (command === undefined) throw new Error(`there is no ${name}`);
  return { program, command };
}

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

describe('the help', () => {
  it.each(verbs)('of %s has an example that the command takes', async (name) => {
    const { program, command } = find(name);
    const help = helpOf(command);
    const [, line = ''] = /\n {2}\$ .*?\bconverge ([^\n)>]*)/.exec(help) ?? [];
    expect(line).toMatch(new RegExp(`^${name}( |$)`));
    expect(help).toContain('Exit codes: 0 converged or done, 1 diverged, failed or not known, 2');
    const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));
    await expect(program.parseAsync(words, { from: 'user' })).rejects.toThrow('the command line was taken');
  });

  it.each(verbs)('of %s shows no default that is none', (name) => {
    expect(helpOf(find(name).command)).not.toMatch(/default: (\[\]|\{\})/);
  });

  it.each([
    ['status', '"text", "json", "yaml", default'],
    ['report', '"text", "json", "yaml", "html", "markdown", default'],
    ['validate', '"text", "json", "yaml", "sarif", "junit", default'],
  ])('of %s lists the forms of output that it takes', (name, forms) => {
    expect(helpOf(find(name).command).replace(/\s+/g, ' ')).toContain(`choices: ${forms}`);
  });
});
