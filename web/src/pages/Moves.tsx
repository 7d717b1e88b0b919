import { useState } from "preact/hooks";
import type { App } from "../app";
import type { OneUpload, Upload } from "../api/client";
import { t } from "../i18n/i18n";
import { Confirm } from "../ui/Confirm";

type Move = "cancel" | "retry" | "undo";

const CANCELLABLE = ["awaiting_upload", "scanning", "queued", "planning", "reviewing", "importing", "finishing"];
const BEFORE_IMPORT = ["awaiting_upload", "scanning", "queued", "planning", "reviewing"];

/** What a person can do with an upload, each after being told what will happen. */
export function Moves({ app, one }: { app: App; one: OneUpload }) {
  const [asking, setAsking] = useState<Move | null>(null);
  if (!app.session.permissions.includes("data:import")) return null;
  const close = (): void => setAsking(null);
  return (
    <div class="moves">
      {movesOf(one.upload).map((move) => (
        <button key={move} type="button" onClick={() => setAsking(move)}>
          {t(`act.${move}`)}
        </button>
      ))}
      {asking && <Question app={app} one={one} move={asking} onClose={close} />}
    </div>
  );
}

/** Those that the upload's state allows; the service decides. */
function movesOf(upload: Upload): Move[] {
  if (upload.stage) return CANCELLABLE.includes(upload.stage) ? ["cancel"] : [];
  const moves: Move[] = [];
  const failedByUs = upload.status === "failed" && upload.failure?.code === "internal_error";
  if ((upload.status === "cancelled" && upload.acceptedAt) || upload.status === "undone" || failedByUs)
    moves.push("retry");
  if (upload.status !== "undone" && !upload.dryRun && upload.totals && upload.totals.imported > 0) moves.push("undo");
  return moves;
}

interface QuestionProps {
  app: App;
  one: OneUpload;
  move: Move;
  onClose: () => void;
}

function Question({ app, one, move, onClose }: QuestionProps) {
  const { upload, progress } = one;
  const values = { name: upload.fileName, imported: progress.successfulRecords };
  async function confirm(): Promise<void> {
    await app.client[move](upload.uploadId);
    await app.live.refresh(upload.uploadId);
  }
  return (
    <Confirm title={t(`${move}.title`)} act={t(`${move}.do`)} onConfirm={confirm} onClose={onClose}>
      {move === "cancel" && (
        <p>{BEFORE_IMPORT.includes(upload.stage ?? "") ? t("cancel.before", values) : t("cancel.during", values)}</p>
      )}
      {move === "retry" && <p>{t("retry.text")}</p>}
      {move === "undo" && (
        <>
          <p>{t("undo.text", values)}</p>
          <p>{t("undo.duplicates")}</p>
        </>
      )}
    </Confirm>
  );
}
