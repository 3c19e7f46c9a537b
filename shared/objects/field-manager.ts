/**
 * The name under which every field is applied and owned. Changing it would orphan every owned field in every cluster.
 */
export const fieldManager = 'converge';

/**
 * Holds the fields that were given up and must keep their value: without an owner they would fall back to their
 * default.
 */
export const releasedManager = 'converge-released';

/**
 * Holds the annotation that fences objects off from requests that are still under way, and nothing else: a name of its
 * own, so that an apply of it drops no field of ours, and an apply of ours leaves it alone.
 */
export const fenceManager = 'converge-fence';
