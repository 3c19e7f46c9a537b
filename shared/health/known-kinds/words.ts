/** The phrases of the table of known kinds: each gives the text of a CEL expression. */

export const condition = (type: string, test: string) => `status.conditions.exists(c, c.type == '${type}' && ${test})`;
export const yes = (type: string) => condition(type, "c.status == 'True'");
export const no = (type: string) => condition(type, "c.status == 'False'");
/** The condition is False, and not only for one of the reasons that pass by themselves. */
export const noBut = (type: string, ...reasons: readonly string[]) =>
  condition(type, `c.status == 'False' && !(${oneOf("c.?reason.orValue('')", ...reasons)})`);
/** The condition is False, and does not say a phrase that tells of a start. */
export const noUnlessSaying = (type: string, phrase: string) =>
  condition(type, `c.status == 'False' && !c.?message.orValue('').contains('${phrase}')`);
export const oneOf = (field: string, ...words: readonly string[]) => `${field} in ['${words.join("', '")}']`;
export const any = (...tests: readonly string[]) => tests.map((test) => `(${test})`).join(' || ');
export const all = (...tests: readonly string[]) => tests.map((test) => `(${test})`).join(' && ');
export const both = (first: string, second: string) => all(first, second);

export const kindsOf = (group: string, ...kinds: readonly string[]) => kinds.map((kind) => `${group}/${kind}`);

/** A condition that stands for the whole, and that its controller sets to False for a fault only. */
export const standsFor = (type: string) => ({ degraded: no(type), healthy: yes(type) });

type Words = readonly [string, ...(readonly string[])];

/** A field of the status that holds one word. */
export function phases(
  field: string,
  { suspended, degraded, healthy }: { suspended?: Words; degraded: Words; healthy: Words },
) {
  const path = `status.${field}`;
  const always = { degraded: oneOf(path, ...degraded), healthy: oneOf(path, ...healthy) };
  return suspended === undefined ? always : { suspended: oneOf(path, ...suspended), ...always };
}

/**
 * Conditions under each entry of a list of the status, as the Gateway API has them (GEP-1364): all must be accepted and
 * resolve what they refer to, and be of the latest specification.
 */
export function healthyBelow(list: 'parents' | 'ancestors') {
  const each = (test: string) =>
    `p.conditions.exists(c, c.?observedGeneration.orValue(0) >= metadata.?generation.orValue(0) && ${test})`;
  return {
    degraded: `status.${list}.exists(p, ${each("c.type in ['Accepted', 'ResolvedRefs'] && c.status == 'False'")})`,
    progressing: `status.${list}.exists(p, p.conditions.exists(c, c.type == 'Programmed' && c.status != 'True'))`,
    healthy: `size(status.${list}) > 0 && status.${list}.all(p, ${each("c.type == 'Accepted' && c.status == 'True'")})`,
  };
}
