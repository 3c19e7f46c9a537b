import { z } from 'zod';
import { holdsNoLogin, noLogin } from './urls.ts';

/** A GitHub App that is installed on repositories. */
export const githubAppSchema = z.strictObject({
  appId: z.union([z.string().min(1), z.int().positive().transform(String)]),
  installationId: z.union([z.string().regex(/^\d+$/), z.int().positive().transform(String)]),
  /** The app's private key as GitHub hands it out: RSA, PEM. */
  privateKeyFile: z.string().min(1),
  /** Another one for GitHub Enterprise Server: `https://HOST/api/v3`. */
  api: z.url({ abort: true }).refine(holdsNoLogin, noLogin).default('https://api.github.com'),
});
