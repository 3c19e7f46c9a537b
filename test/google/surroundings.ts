import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const others = [
  'GOOGLE_APPLICATION_CREDENTIALS',
  'GCE_METADATA_IP',
  'GOOGLE_CLOUD_QUOTA_PROJECT',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'http_proxy',
  'https_proxy',
];

/** Makes this process one whose only credentials are the metadata server's, until it is undone. */
export function onGoogleCloud(variables: Readonly<Record<string, string>>): () => void {
  const home = mkdtempSync(join(tmpdir(), 'converge-home-'));
  const wanted: Record<string, string | undefined> = {
    ...Object.fromEntries(others.map((name) => [name, undefined])),
    HOME: home,
    ...variables,
  };
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(wanted)) set(name, value);
  return () => {
    for (const [name, value] of before) set(name, value);
    rmSync(home, { recursive: true, force: true });
  };
}
