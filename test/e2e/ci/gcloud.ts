import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/*
 * Plays gcloud for the jobs of CIs: the four commands that they say, with the options that they give them, and nothing
 * else. It is signed in by a token of the CI's or, as on Google Cloud and by Google's action on GitHub, by what the
 * environment names.
 */

const variable = (name: string): string => process.env[name] ?? '';
const folder = variable('CLOUDSDK_CONFIG') || join(variable('HOME'), '.config/gcloud');
const kept = join(folder, 'access-token');
const credentialsSchema = z.object({ audience: z.string(), credential_source: z.object({ file: z.string() }) });

async function createCredentials(provider: string, { source, output }: { source: string; output: string }) {
  if (!/^projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z-]+\/providers\/[a-z-]+$/.test(provider))
    throw new Error(`[${provider}] is no provider`);
  const audience = `//iam.googleapis.com/${provider}`;
  await writeFile(output, JSON.stringify({ type: 'external_account', audience, credential_source: { file: source } }));
}

async function signIn(file: string): Promise<void> {
  const { audience, credential_source: source } = credentialsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  const body = JSON.stringify({ audience, token: await readFile(source.file, 'utf8') });
  const answer = await fetch(`${variable('TEST_GOOGLE')}/sts`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`(gcloud.auth.login) ${await answer.text()}`);
  await mkdir(folder, { recursive: true });
  await writeFile(kept, z.object({ access_token: z.string() }).parse(await answer.json()).access_token);
}

async function copy(from: string, to: string, custom: string): Promise<void> {
  const isByEnvironment = ['CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE', 'GCE_METADATA_HOST'].some((name) =>
    variable(name),
  );
  if (!isByEnvironment) await readFile(kept);
  const [, bucket = '', name = ''] = /^gs:\/\/([^/]+)\/(.+)$/.exec(to) ?? [];
  const metadata = Object.fromEntries(custom.split(',').map((pair) => /^([^=]+)=(.*)$/.exec(pair)?.slice(1) ?? []));
  const part = (type: string): string => `--cut\r\ncontent-type: ${type}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(`${part('application/json')}${JSON.stringify({ name, metadata })}\r\n${part('application/gzip')}`),
    await readFile(from),
    Buffer.from('\r\n--cut--\r\n'),
  ]);
  const type = 'multipart/related; boundary=cut';
  const url = `${variable('CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE')}upload/storage/v1/b/${bucket}/o?uploadType=multipart`;
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
  if (!answer.ok) throw new Error(`(gcloud.storage.cp) HTTPError ${answer.status}: ${await answer.text()}`);
}

const line = process.argv.slice(2).join('\u0000');
const commands: readonly (readonly [RegExp, (found: readonly string[]) => Promise<void>])[] = [
  [
    /^iam\0workload-identity-pools\0create-cred-config\0([^\0]+)\0--credential-source-file=([^\0]+)\0--output-file=([^\0]+)$/,
    ([provider = '', source = '', output = '']) => createCredentials(provider, { source, output }),
  ],
  [/^auth\0login\0--quiet\0--cred-file=([^\0]+)$/, ([file = '']) => signIn(file)],
  [/^auth\0print-access-token$/, async () => void process.stdout.write(await readFile(kept, 'utf8'))],
  [
    /^storage\0cp\0([^\0-][^\0]*)\0([^\0]+)\0--custom-metadata=([^\0]+)$/,
    ([from = '', to = '', metadata = '']) => copy(from, to, metadata),
  ],
];
const [known] = commands.flatMap(([pattern, run]) => {
  const found = pattern.exec(line);
  return found === null ? [] : [() => run(found.slice(1))];
});
try {
  if (known === undefined) throw new Error(`Invalid choice: ${line.replaceAll('\u0000', ' ')}`);
  await known();
} catch (error) {
  process.stderr.write(`ERROR: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
