import { ConvergeError } from '../../base/errors.ts';
import { land, type Landing, type LandRequest } from './land.ts';

/** Refused pushes after which nothing more is tried: so many find one among a thousand. */
const mostRefusals = 24;

/**
 * Lands uploads together. Where the host refuses the commit, both halves of it are tried apart, down to the one it does
 * not take: the others are not to fail for it. A host that refuses all is asked a bounded number of times. Throws what
 * is not a refusal.
 */
export async function landApart(request: LandRequest): Promise<readonly Landing[]> {
  let refusals = 0;

  async function attempt(uploads: LandRequest['uploads']): Promise<readonly Landing[]> {
    try {
      return await land({ ...request, uploads });
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition !== 'refuse') throw error;
      refusals += 1;
      if (uploads.length === 1 || refusals >= mostRefusals) return uploads.map(() => ({ outcome: 'refused', error }));
      const half = Math.ceil(uploads.length / 2);
      const first = await attempt(uploads.slice(0, half));
      return [...first, ...(await attempt(uploads.slice(half)))];
    }
  }

  return attempt(request.uploads);
}
