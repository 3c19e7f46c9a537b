import type { KeptRender, KeptRenders, Render } from '../ports/renderer.ts';

/**
 * The renders that one instance keeps between runs. What was neither kept nor found for longest goes first.
 *
 * @param limit characters of rendered JSON, over all of them; a render beyond it is not kept at all
 */
export function keepRenders({ limit }: { limit: number }): KeptRenders & { renders(): readonly Render[] } {
  /** In the order of their last use. */
  const byKey = new Map<string, readonly KeptRender[]>();
  let size = 0;

  function take(key: string): readonly KeptRender[] {
    const renders = byKey.get(key) ?? [];
    byKey.delete(key);
    return renders;
  }

  return {
    renders: () => [...byKey.values()].flatMap((renders) => renders.map(({ render }) => render)),
    find(key) {
      const renders = take(key);
      if (renders.length > 0) byKey.set(key, renders);
      return renders;
    },
    keep(key, render) {
      if (render.render.size > limit) return;
      byKey.set(key, [render, ...take(key)]);
      size += render.render.size;
      for (const oldest of byKey.keys()) {
        if (size <= limit) break;
        const renders = byKey.get(oldest) ?? [];
        size -= renders.at(-1)?.render.size ?? 0;
        if (renders.length > 1) byKey.set(oldest, renders.slice(0, -1));
        else byKey.delete(oldest);
      }
    },
  };
}
