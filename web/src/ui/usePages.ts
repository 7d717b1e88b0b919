import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Page } from "../api/client";

export interface Paged<T> {
  items: T[];
  /** Whether there may be more. */
  more: boolean;
  loading: boolean;
  error: unknown;
  next: () => void;
  reload: () => void;
}

/** A list that is loaded page by page, and from its start again whenever `inputs` change. */
export function usePages<T>(load: (cursor: string | null) => Promise<Page<T>>, inputs: readonly unknown[]): Paged<T> {
  const [items, setItems] = useState<T[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<unknown>(null);
  const round = useRef(0);

  const fetchFrom = useCallback(
    async (from: string | null, before: T[]) => {
      const mine = round.current;
      setLoading(true);
      setError(null);
      try {
        const page = await load(from);
        if (mine !== round.current) return;
        setItems([...before, ...page.items]);
        setCursor(page.cursor);
      } catch (problem) {
        if (mine === round.current) setError(problem);
      }
      if (mine === round.current) setLoading(false);
    },
    [...inputs],
  );
  const reload = useCallback(() => {
    round.current += 1;
    void fetchFrom(null, []);
  }, [fetchFrom]);
  useEffect(reload, [reload]);
  return { items, more: cursor !== null, loading, error, next: () => void fetchFrom(cursor, items), reload };
}
