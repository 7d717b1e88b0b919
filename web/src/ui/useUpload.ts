import { useEffect, useState } from "preact/hooks";
import type { OneUpload } from "../api/client";
import type { LiveUploads } from "../api/live";

/** An upload as it is now, while it is shown; `onChange` is told each time that it is another. */
export function useUpload(
  { live }: { live: LiveUploads },
  uploadId: string,
  onChange?: (one: OneUpload) => void,
): OneUpload | null {
  const [one, setOne] = useState<OneUpload | null>(null);
  useEffect(
    () =>
      live.follow(uploadId, (change) => {
        setOne(change);
        onChange?.(change);
      }),
    [live, uploadId],
  );
  return one;
}
