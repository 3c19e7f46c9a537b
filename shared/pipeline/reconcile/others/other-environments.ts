import { ConvergeError } from '../../../base/errors.ts';
import type { OtherEnvironments, RenderTarget } from '../run/target.ts';
import { openLooks } from './looks.ts';
import { onceEach } from './once.ts';
import { ownersAnswer, readGiver, type Giver } from './owners-answer.ts';
import { readWish, readWishes } from './wishes.ts';

/** Milliseconds for which an answer about the branch's head holds. */
const headHoldsFor = 1_000;

/**
 * The other environments of the same repository at a run's commit, each looked at once a run, and only when asked for.
 *
 * @param options.asksCluster whether their templates may ask the cluster what no earlier render asked
 */
export function openOtherEnvironments(
  asking: RenderTarget,
  { asksCluster = true }: { readonly asksCluster?: boolean } = {},
): OtherEnvironments {
  const looks = openLooks(asking, { asksCluster });
  const wishOf = onceEach(
    async (name: string) => readWish(looks, name),
    (name) => name,
  );
  const giverOf = onceEach(
    async (giver: Giver) => readGiver(looks, giver),
    ({ name, namespace }) => `${namespace}/${name}`,
  );
  return {
    answerOf: async (asked) => ownersAnswer({ looks, wishOf, giverOf }, asked),
    wishes: async (ask) => readWishes({ looks, wishOf }, ask),
    assertNewest: assertNewestOf(asking),
  };
}

function assertNewestOf({ run, commit }: RenderTarget): () => Promise<void> {
  const repository = run.ports.repository(run.repository);
  let newestAt: number | undefined;
  return async () => {
    const now = run.ports.now().getTime();
    if (newestAt !== undefined && now - newestAt < headHoldsFor) return;
    if ((await repository.head()) !== commit.id) {
      throw new ConvergeError({
        code: 'GitUnavailable',
        subject: run.key,
        message: 'the branch moved on before objects were taken over or deleted',
        disposition: 'retry',
      });
    }
    newestAt = now;
  };
}
