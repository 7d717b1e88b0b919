import { useEffect, useState } from "preact/hooks";
import type { App } from "../app";
import type { OneUpload } from "../api/client";

/** An upload as it is now, while it is shown. */
export function useUpload(app: Pick<App, "live">, uploadId: string): OneUpload | null {
  const [one, setOne] = useState<OneUpload | null>(null);
  useEffect(() => app.live.follow(uploadId, setOne), [app, uploadId]);
  return one;
}
