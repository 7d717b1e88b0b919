import DragDrop from "@uppy/drag-drop";
import { useEffect, useRef } from "preact/hooks";
import { bytes, locale, t } from "../i18n/i18n";
import type { FileSender } from "../upload/sender";

/** Uppy's drop zone, which is a button to a keyboard. */
export function DropZone({ sender, most }: { sender: FileSender; most: number }) {
  const target = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const uppy = sender.instance;
    uppy.use(DragDrop, {
      target: target.current!,
      height: "auto",
      note: t("upload.note", { size: bytes(most) }),
      locale: {
        strings: { dropHereOr: t("upload.drop", { browse: "%{browse}" }), browse: t("upload.browse") },
      },
    });
    return () => uppy.removePlugin(uppy.getPlugin("DragDrop")!);
  }, [sender, locale.value]);
  return <div class="drop" ref={target} />;
}
