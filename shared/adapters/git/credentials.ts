import type { RepositoryConfig } from '../../config/config.ts';
import { createGithubApp, type ApiRequest } from './github-app.ts';
import { changeOfSecretFile, readSecretFile, unusableSecret } from '../secret-file.ts';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Who we are to the Git host. */
export interface Credentials {
  /** Undefined: nobody. Throws `SecretUnavailable` (retry) for a file that cannot be read, or is empty. */
  login(): Promise<Login | undefined>;
  /** After this login was not accepted, or may not: one that is newer, or undefined where there is none. */
  renew(refused: Login): Promise<Login | undefined>;
}

/** The user name is what GitHub documents for tokens of its apps; other hosts take any. */
const tokenUser = 'x-access-token';

export function createCredentials({
  settings,
  request,
  now,
}: {
  settings: RepositoryConfig;
  request: ApiRequest;
  now: () => Date;
}): Credentials {
  const { file, githubApp } = settings.credentials ?? {};
  if (githubApp !== undefined) {
    const app = createGithubApp({ settings: githubApp, request, now });
    return {
      login: async () => ({ user: tokenUser, password: await app.token() }),
      renew: async ({ password }) => {
        const token = await app.renew(password);
        return { user: tokenUser, password: token };
      },
    };
  }
  return file === undefined ? nobody : fromFile(file);
}

const nobody: Credentials = { login: async () => undefined, renew: async () => undefined };

/**
 * Read again where the file changed, or was not accepted: Secret Manager's mounts change what a file says without
 * changing its time.
 */
function fromFile(file: string): Credentials {
  let kept: { login: Login; changedAt: number } | undefined;
  async function read(): Promise<Login> {
    const secret = (await readSecretFile(file)).trim();
    if (secret === '' || secret === ':')
      throw unusableSecret({
        subject: file,
        message: 'holds no credentials',
        remedy: 'put `user:password`, or a token alone, into its secret',
      });
    const colon = secret.indexOf(':');
    if (colon === -1) return { user: tokenUser, password: secret };
    return { user: secret.slice(0, colon), password: secret.slice(colon + 1) };
  }
  return {
    async login() {
      const at = await changeOfSecretFile(file);
      if (kept?.changedAt !== at) kept = { login: await read(), changedAt: at };
      return kept.login;
    },
    async renew(refused) {
      const login = await read();
      kept = { login, changedAt: await changeOfSecretFile(file) };
      return login.user === refused.user && login.password === refused.password ? undefined : login;
    },
  };
}
