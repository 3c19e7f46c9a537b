import { fitsIn } from '../objects/quantity.ts';

/** Causes that pass by themselves, in the words of the network, of registries and of the API server. */
const passing =
  /time[d ]?-?out|deadline exceeded|connection (refused|reset)|no route to host|network is unreachable|no such host|temporary failure|server misbehaving|handshake|unexpected EOF|\bEOF$|too ?many ?requests|rate limit|QPS exceeded|(status|code|response)[^0-9]{0,20}5\d\d\b|internal (server )?error|service unavailable|bad gateway|unavailable|try again|failed calling webhook|not yet ready|no endpoints available|object has been modified|etcdserver/i;
/** A registry that does not know who asks: the Secret that says so may come later than the Pod. */
const unauthorized =
  /unauthorized|authentication required|authorization failed|pull access denied|no basic auth credentials|unable to retrieve some image pull secrets/i;
/** What a Pod names and another controller may be about to make. */
const notThereYet =
  /(secret|config ?map|service ?account|persistentvolumeclaim|priority ?class)s?\b.*(not found|was found|not registered)|object .* not registered|couldn't find key|references non-existent|no API token found/i;

const ofImages = /^ErrImage|^ImagePullBackOff$|^RegistryUnavailable$/;

/**
 * Whether a container that the kubelet cannot start may start when nobody acts: a registry answers slowly, a Secret is
 * still to come.
 *
 * @param waiting.reason the kubelet's word
 */
export function mayStartLater({ reason, message }: { reason: string; message: string }): boolean {
  if (passing.test(message) || reason === 'RegistryUnavailable') return true;
  return ofImages.test(reason) ? unauthorized.test(message) : notThereYet.test(message);
}

/**
 * Whether Pods that the API server refuses may be made when nobody acts: a webhook starts, a quota is used up by
 * others, but has room for them at all.
 *
 * @param message of the condition that says so
 */
export function mayBeAdmittedLater(message: string): boolean {
  if (passing.test(message) || notThereYet.test(message)) return true;
  const quota = /requested: (?<requested>.+), used: .+, limited: (?<limited>.+)$/.exec(message)?.groups;
  if (quota === undefined) return false;
  const limited = amountsOf(quota['limited']);
  return [...amountsOf(quota['requested'])].every(([resource, amount]) => fitsIn(amount, limited.get(resource) ?? ''));
}

/** Of `pods=1,requests.cpu=500m`, by resource. */
function amountsOf(text: string | undefined): ReadonlyMap<string, string> {
  return new Map(
    (text ?? '').split(',').map((pair) => {
      const end = pair.lastIndexOf('=');
      return [pair.slice(0, end), pair.slice(end + 1)] as const;
    }),
  );
}
