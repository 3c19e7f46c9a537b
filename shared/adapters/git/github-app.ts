import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { RepositoryConfig } from '../../config/config.ts';
import { ConvergeError } from '../../base/errors.ts';
import { readSecretFile, unusableSecret } from '../secret-file.ts';

export type GithubAppConfig = NonNullable<NonNullable<RepositoryConfig['credentials']>['githubApp']>;

/** One request to the API of the host; throws for an answer that is no success. */
export type ApiRequest = (request: { url: string; authorization: string }) => Promise<unknown>;

/** GitHub's clock may be behind ours, and takes no token for longer than ten minutes. */
const skewSeconds = 60;
const jwtSeconds = 9 * 60;
/** A token that ends sooner is not used for a new request. */
const spareMilliseconds = 5 * 60_000;

const answerSchema = z.object({ token: z.string().min(1), expires_at: z.iso.datetime({ offset: true }) });

/**
 * Installation tokens of a GitHub App, each used until five minutes before its end.
 * https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
 */
export function createGithubApp({
  settings,
  request,
  now,
}: {
  settings: GithubAppConfig;
  request: ApiRequest;
  now: () => Date;
}): {
  token(): Promise<string>;
  /** A token other than the one that was not accepted. */
  renew(refused: string): Promise<string>;
} {
  let kept: Token | undefined;
  let minting: Promise<string> | undefined;

  async function mint(): Promise<string> {
    kept = await mintToken({ settings, request, at: now() });
    return kept.token;
  }

  function mintOnce(): Promise<string> {
    minting ??= mint().finally(() => {
      minting = undefined;
    });
    return minting;
  }

  return {
    async token() {
      if (kept !== undefined && kept.endsAt - spareMilliseconds > now().getTime()) return kept.token;
      return mintOnce();
    },
    async renew(refused) {
      if (kept !== undefined && kept.token !== refused) return kept.token;
      return mintOnce();
    },
  };
}

interface Token {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

async function mintToken({
  settings,
  request,
  at,
}: {
  settings: GithubAppConfig;
  request: ApiRequest;
  at: Date;
}): Promise<Token> {
  const key = await readKey(settings.privateKeyFile);
  const url = `${settings.api.replace(/\/$/, '')}/app/installations/${settings.installationId}/access_tokens`;
  const authorization = `Bearer ${signJwt({ key, appId: settings.appId, at: Math.floor(at.getTime() / 1000) })}`;
  const answer = answerSchema.safeParse(await request({ url, authorization }));
  if (!answer.success) {
    throw new ConvergeError({
      code: 'GitUnavailable',
      subject: url,
      message: 'answered without an installation token',
      disposition: 'retry',
    });
  }
  return { token: answer.data.token, endsAt: Date.parse(answer.data.expires_at) };
}

async function readKey(file: string): Promise<KeyObject> {
  const pem = await readSecretFile(file);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // The error of OpenSSL may quote what it read.
  }
  throw unusableSecret({
    subject: file,
    message: 'holds no RSA private key in PEM',
    remedy: 'download a private key of the app from GitHub',
  });
}

function signJwt({ key, appId, at }: { key: KeyObject; appId: string; at: number }): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ iat: at - skewSeconds, exp: at + jwtSeconds - skewSeconds, iss: appId })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}
