import { z } from 'zod';
import { holdsLogin } from '../base/url-login.ts';
import { secretInUrl } from './secret-in-url.ts';

/** An address that holds no secret: the configuration is read by more people than may read secrets. */
export const plainUrl = ({ remedy }: { remedy: string }) =>
  z.url({ protocol: /^https?$/, abort: true }).superRefine((url, context) => {
    const secret = secretInUrl(url);
    if (secret !== undefined) context.addIssue({ code: 'custom', message: `${secret}: ${remedy}` });
  });

/** Where no login is ever sent to: errors would tell one. */
export const holdsNoLogin = (url: string): boolean => !holdsLogin(new URL(url));
export const noLogin = 'it holds credentials: write it without them';

/** Where an API answers, without a slash at its end. */
export const origin = z
  .url({ protocol: /^https?$/, abort: true })
  .refine(holdsNoLogin, noLogin)
  .transform((url) => url.replace(/\/$/, ''));
