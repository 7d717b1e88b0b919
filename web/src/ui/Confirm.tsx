import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n/i18n";
import { ErrorNotice } from "./Notice";

interface ConfirmProps {
  title: string;
  act: string;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

/** Says what will happen, and does it only then. */
export function Confirm({ title, act, onConfirm, onClose, children }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => dialog.current?.showModal(), []);

  async function confirm(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  }

  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
      {error != null && <ErrorNotice error={error} />}
      <div class="dialog-acts">
        <button type="button" autofocus onClick={() => dialog.current?.close()}>
          {t("act.keep")}
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => void confirm()}>
          {act}
        </button>
      </div>
    </dialog>
  );
}
