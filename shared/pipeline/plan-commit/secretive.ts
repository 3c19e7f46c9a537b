import { ConvergeError } from '../../base/errors.ts';
import type { Renderer } from '../../ports/renderer.ts';
import { isMap } from '../../objects/exact-json.ts';
import type { PlanAnswer } from '../inspect/answers.ts';

/** A renderer that remembers whether a template was told what is secret. */
export interface WatchedRenderer {
  readonly renderer: Renderer;
  /** Whether one drew random values, which passwords are made of, or looked up a Secret. */
  wasToldSecrets(): boolean;
}

/**
 * Who proposes a template may write what it is told anywhere, in any spelling: into names, keys and failures. Masking finds
 * values as they are. So it is watched what templates are told, and nothing is taken from renders that are kept.
 */
export function watchSecrets(renderer: Renderer): WatchedRenderer {
  let told = false;
  return {
    wasToldSecrets: () => told,
    renderer: {
      version: async () => await renderer.version(),
      kept: { find: () => [], keep: () => {} },
      async render({ seed, lookup, ...request }) {
        return await renderer.render({
          ...request,
          async seed() {
            told = true;
            return await seed();
          },
          lookup:
            lookup === undefined
              ? undefined
              : async (query) => {
                  const answer = await lookup(query);
                  if (query.kind === 'Secret' && 'found' in answer && !isNothing(answer.found)) told = true;
                  return answer;
                },
        });
      },
    },
  };
}

function isNothing(found: unknown): boolean {
  return found === null || (isMap(found) && Array.isArray(found['items']) && found['items'].length === 0);
}

const hidden = '(hidden)';
const why =
  'its templates are told what is secret, so that neither fields nor what is new are shown before it is merged';

/**
 * A plan without all that a template could have written a secret into: what is new has neither its name nor its kind, and
 * nothing has its fields, nor how many they are.
 */
export function withoutWrittenWords(answer: PlanAnswer): PlanAnswer {
  const { message, objects, hooks, outcome, waitsFor, unread } = answer;
  const said = outcome === 'refused' ? `${codeOf(message)} (what it says is hidden)` : message;
  return {
    ...answer,
    message: said === '' ? why : `${said}; ${why}`,
    waitsFor: [...waitsFor],
    unread: [...unread],
    objects: objects.map((one) => ({
      ...one,
      ...(one.action === 'create' ? { apiVersion: hidden, kind: hidden, name: hidden, namespace: null } : {}),
      message: one.message === '' ? '' : hidden,
      fields: [],
      omittedFields: 0,
      takesOver: [],
    })),
    hooks: hooks.map((hook) => ({
      ...{ ...hook, kind: hidden, name: hidden, namespace: null },
      message: hook.message === '' ? '' : hidden,
    })),
  };
}

/** What is thrown where a template could have written a secret into it: requests are named by names. What Git and the state say stays. */
export function withoutWrittenError(error: unknown, subject: string): unknown {
  if (!(error instanceof ConvergeError) || error.code === 'GitUnavailable' || error.code === 'StorageUnavailable')
    return error;
  const { code, disposition } = error;
  return new ConvergeError({ code, subject, message: `what it says is hidden: ${why}`, disposition });
}

/** `RenderFailed` of `RenderFailed: charts/shop: …`. */
function codeOf(message: string): string {
  return /^[A-Za-z]+/.exec(message)?.[0] ?? '';
}
