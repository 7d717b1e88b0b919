import { signal } from "@preact/signals";
import AwsS3, { type AwsBody } from "@uppy/aws-s3";
import Uppy, { type Meta, type UppyFile } from "@uppy/core";
import GoldenRetriever from "@uppy/golden-retriever";
import { ApiError, type LinefeedClient, type StartedUpload, type StartUpload } from "../api/client";
import type { Limits } from "../config";
import { checksumOf, faultOf, importTypeOf, mimeTypeOf, type FileFault } from "./files";
import { PartSigner } from "./part_signer";

/** What a person chose for the files that they send. */
export type SendOptions = Partial<
  Omit<StartUpload, "fileName" | "fileSize" | "mimeType" | "importType" | "checksumSha256">
>;

/**
 * Where a file stands until the service has it.
 * `interrupted`: the page was closed while it was sent, and it is at hand; `lost`: the same, but the browser needs to
 * be shown the file again.
 */
export type SendingPhase = "chosen" | "starting" | "sending" | "paused" | "offline" | "interrupted" | "lost" | "failed";

export interface Sending {
  id: string;
  name: string;
  size: number;
  phase: SendingPhase;
  /** Bytes. */
  sent: number;
  /** Bytes a second; 0 while it is not known. */
  rate: number;
  error: ApiError | null;
  uploadId: string | null;
}

/** A file that was not taken at all. */
export interface Refusal {
  name: string;
  size: number;
  fault: FileFault;
}

interface FileMeta extends Meta {
  idempotencyKey: string;
  request?: StartUpload;
  started?: StartedUpload;
}

type SentFile = UppyFile<FileMeta, AwsBody>;

const KEPT_FILE_BYTES = 32 * 1024 * 1024;
const KEPT_BYTES = 256 * 1024 * 1024;
const REQUESTS_AT_ONCE = 5;
const RETRY_MILLIS = [0, 1000, 3000, 5000, 10_000, 20_000];
const RATE_WEIGHT = 0.3;

/**
 * Sends files straight to S3, each as the service says: as one form, or in parts that can be paused and gone on with.
 *
 * Uppy does the sending; its golden retriever remembers what was under way when the page is closed. A small file is
 * remembered with its content; of a large one only how far it was, and choosing it again goes on from there.
 */
export class FileSender {
  /** Files on their way, in the order in which they were chosen. */
  readonly files = signal<Sending[]>([]);
  readonly refusals = signal<Refusal[]>([]);
  private readonly uppy: Uppy<FileMeta, AwsBody>;
  private readonly signers = new Map<string, PartSigner>();
  private readonly partBytes = new Map<number, number>();
  private readonly rates = new Map<string, { at: number; sent: number; rate: number }>();
  private readonly errors = new Map<string, ApiError>();
  private readonly interrupted = new Set<string>();

  /** `onStarted` is told each upload that the service knows of. */
  constructor(
    id: string,
    private readonly client: LinefeedClient,
    private readonly limits: Limits,
    private readonly onStarted: (uploadId: string) => void,
  ) {
    this.uppy = new Uppy<FileMeta, AwsBody>({
      id,
      autoProceed: false,
      logger: quietly,
      onBeforeFileAdded: (file, files) => this.take(file, files),
    });
    this.uppy.on("file-added", ({ id }) => {
      if (this.interrupted.has(id)) void this.again(id);
    });
    this.uppy.addPreProcessor((ids) => this.announce(ids));
    this.uppy.use(AwsS3<FileMeta, AwsBody>, {
      limit: REQUESTS_AT_ONCE,
      retryDelays: RETRY_MILLIS,
      shouldUseMultipart: (file) => howToSend(file as SentFile)?.method === "MULTIPART",
      getChunkSize: ({ size }) => this.partBytes.get(size) ?? size,
      getUploadParameters: (file) => formOf(file as SentFile),
      createMultipartUpload: (file) => partsOf(file as SentFile),
      signPart: async (file, { partNumber }) => ({ method: "PUT", url: await this.sign(file as SentFile, partNumber) }),
      listParts: (file) => this.storedParts(file as SentFile),
      // What has come stays for a week, so that one can go on after an error; who cancels says so to the service.
      abortMultipartUpload: () => {},
      completeMultipartUpload: async (file) => {
        await this.client.complete(startedOf(file as SentFile).uploadId);
        return {};
      },
    });
    this.uppy.on("restored", () => this.takeUpRestored());
    this.uppy.use(GoldenRetriever, {
      // The store takes these, though its types do not say so.
      indexedDB: { maxFileSize: KEPT_FILE_BYTES, maxTotalSize: KEPT_BYTES } as object,
      expires: 6 * 24 * 3600 * 1000,
    });
    this.uppy.on("state-update", () => this.show());
    this.uppy.on("upload-success", (file) => file && this.forget(file.id));
    this.uppy.on("upload-error", (file, error) => file && this.fail(file.id, error));
    for (const event of ["online", "offline"]) addEventListener(event, this.show);
  }

  /** Send nothing more; what was under way can be taken up by the same person. */
  close(): void {
    for (const event of ["online", "offline"]) removeEventListener(event, this.show);
    this.uppy.pauseAll();
  }

  /** The instance that a drop zone of Uppy's is put on. */
  get instance(): Uppy<FileMeta, AwsBody> {
    return this.uppy;
  }

  /** Send what was chosen. */
  async send(options: SendOptions): Promise<void> {
    const chosen = this.files.value.filter((file) => file.phase === "chosen");
    for (const { id } of chosen) this.prepare(id, options);
    await Promise.all(chosen.map(({ id }) => this.run(id)));
  }

  /** Pause a file that is being sent, or go on with one that is paused. */
  pauseOrGoOn(id: string): void {
    this.uppy.pauseResume(id);
    this.show();
  }

  /** Go on with a file that was interrupted, or try one again that failed. */
  async again(id: string): Promise<void> {
    this.errors.delete(id);
    this.interrupted.delete(id);
    await this.run(id);
  }

  /**
   * Show the browser a file again whose content it no longer has, so that it goes on where it was. False for another
   * one, or where it was changed since: parts of two contents must not become one file.
   */
  goOnWith(id: string, file: File): boolean {
    try {
      const added = this.uppy.addFile({ name: file.name, type: file.type, data: file, source: "person" });
      if (added !== id) this.uppy.removeFile(added);
      return added === id;
    } catch {
      return false; // it is in the list already, or is not taken at all
    }
  }

  /** Send bytes that the page itself has made, to the end; returns the upload's id. Throws what keeps it from that. */
  async sendMade(file: File, options: SendOptions): Promise<string> {
    const importType = importTypeOf(file.name, this.limits) ?? "csv";
    const fileType = { mimeType: mimeTypeOf(file.name, importType), importType };
    const request = { ...options, ...fileType, fileName: file.name, fileSize: file.size } as StartUpload;
    const started = await this.client.start(request, crypto.randomUUID());
    const how = started.upload;
    if (how?.method !== "POST") throw new Error("A file that the page makes is small enough for a form");
    const form = new FormData();
    for (const [name, value] of Object.entries(how.fields)) form.set(name, String(value));
    form.set("file", file);
    const answer = await fetch(how.url, { method: "POST", body: form });
    if (!answer.ok) throw new ApiError(answer.status, "storage_refused", `S3 answered with status ${answer.status}.`);
    this.onStarted(started.uploadId);
    return started.uploadId;
  }

  /** Take a file back; what the service knows of it is cancelled. */
  async remove(id: string): Promise<void> {
    const uploadId = this.uppy.getFile(id)?.meta.started?.uploadId;
    this.forget(id);
    if (uploadId) await this.client.cancel(uploadId).catch(() => {}); // it may have ended otherwise, or time out by itself
  }

  dismissRefusals(): void {
    this.refusals.value = [];
  }

  /** Whether Uppy may take a file; one that is chosen again, of which the content was lost, goes on where it was. */
  private take(file: SentFile, known: Record<string, SentFile>): SentFile | boolean {
    const before = known[file.id];
    if (before) return before.isGhost === true;
    const size = file.size ?? 0;
    const fault = faultOf({ name: file.name, size }, this.limits);
    if (fault === null) return { ...file, meta: { ...file.meta, idempotencyKey: crypto.randomUUID() } };
    const others = this.refusals.value.filter((refusal) => refusal.name !== file.name);
    this.refusals.value = [...others, { name: file.name, size, fault }];
    return false;
  }

  private prepare(id: string, options: SendOptions): void {
    const file = this.uppy.getFile(id);
    const importType = importTypeOf(file.name, this.limits);
    if (!importType || !file.data) return;
    const request = {
      ...options,
      fileName: file.name,
      fileSize: file.data.size ?? 0,
      mimeType: mimeTypeOf(file.name, importType),
      importType,
    } as StartUpload;
    this.uppy.setFileMeta(id, { ...file.meta, request });
  }

  private async run(id: string): Promise<void> {
    const file = this.uppy.getFile(id);
    const parts = file.meta.started && howToSend(file)?.method === "MULTIPART";
    if (parts) this.uppy.setFileState(id, { s3Multipart: partsOf(file) } as Partial<SentFile>);
    await this.uppy.retryUpload(id).catch(() => {}); // told by `upload-error`
  }

  /** Have the service record the uploads, before Uppy asks how to send them. */
  private async announce(ids: string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.announceOne(id)));
  }

  private async announceOne(id: string): Promise<void> {
    const file = this.uppy.getFile(id);
    const request = file?.meta.request;
    if (!file || !request) return;
    try {
      if (!("checksumSha256" in request)) {
        const checksum = await checksumOf(file.data as Blob);
        Object.assign(request, checksum ? { checksumSha256: checksum } : {});
      }
      const started = await this.client.start(request, file.meta.idempotencyKey);
      this.uppy.setFileMeta(id, { ...file.meta, request, started });
      if (started.upload?.method === "MULTIPART") this.partBytes.set(request.fileSize, started.upload.partSize);
      this.onStarted(started.uploadId);
      if (started.upload === null) this.forget(id); // it has arrived already
    } catch (error) {
      this.fail(id, error);
      throw error; // ends this file's sending
    }
  }

  private sign(file: SentFile, partNumber: number): Promise<string> {
    const { uploadId } = startedOf(file);
    let signer = this.signers.get(uploadId);
    if (!signer) {
      const how = howToSend(file);
      signer = new PartSigner(this.client, uploadId, how?.method === "MULTIPART" ? how.partCount : 1);
      this.signers.set(uploadId, signer);
    }
    return signer.sign(partNumber);
  }

  private async storedParts(file: SentFile): Promise<{ PartNumber: number; Size: number; ETag: string }[]> {
    const parts = await this.client.storedParts(startedOf(file).uploadId);
    return parts.map((part) => ({ PartNumber: part.partNumber, Size: part.size, ETag: part.etag }));
  }

  /** Files of an earlier visit wait until the person says that they shall go on. */
  private takeUpRestored(): void {
    this.uppy.setState({ currentUploads: {}, recoveredState: null });
    for (const file of this.uppy.getFiles()) {
      if (file.meta.request) this.interrupted.add(file.id);
      else if (file.isGhost) this.uppy.removeFile(file.id); // chosen, and never sent: there is nothing to go on with
    }
    this.show();
  }

  private fail(id: string, error: unknown): void {
    this.errors.set(id, asApiError(error));
    this.show();
  }

  private forget(id: string): void {
    this.signers.delete(this.uppy.getFile(id)?.meta.started?.uploadId ?? "");
    this.errors.delete(id);
    this.interrupted.delete(id);
    this.rates.delete(id);
    if (this.uppy.getFile(id)) this.uppy.removeFile(id);
    this.show();
  }

  private readonly show = (): void => {
    this.files.value = this.uppy.getFiles().map((file) => this.shown(file));
  };

  private shown(file: SentFile): Sending {
    const sent = Number(file.progress.bytesUploaded || 0);
    const phase = this.phaseOf(file);
    return {
      id: file.id,
      name: file.name,
      size: file.size ?? 0,
      phase,
      sent,
      rate: phase === "sending" ? this.rateOf(file.id, sent) : 0,
      error: this.errors.get(file.id) ?? null,
      uploadId: file.meta.started?.uploadId ?? null,
    };
  }

  private phaseOf(file: SentFile): SendingPhase {
    if (this.errors.has(file.id)) return "failed";
    if (this.interrupted.has(file.id)) return file.isGhost ? "lost" : "interrupted";
    if (!file.meta.request) return "chosen";
    if (file.isPaused) return "paused";
    if (!navigator.onLine) return "offline";
    return file.progress.uploadStarted ? "sending" : "starting";
  }

  /** A moving average, so that the time left does not jump. */
  private rateOf(id: string, sent: number): number {
    const now = performance.now();
    const last = this.rates.get(id);
    if (!last || sent < last.sent) {
      this.rates.set(id, { at: now, sent, rate: 0 });
      return 0;
    }
    if (now - last.at < 250 || sent === last.sent) return last.rate;
    const current = (1000 * (sent - last.sent)) / (now - last.at);
    const rate = last.rate ? RATE_WEIGHT * current + (1 - RATE_WEIGHT) * last.rate : current;
    this.rates.set(id, { at: now, sent, rate });
    return rate;
  }
}

const quietly = { debug: () => {}, warn: () => {}, error: () => {} };

function startedOf(file: SentFile): StartedUpload {
  if (!file.meta.started) throw new Error("The upload was not announced");
  return file.meta.started;
}

function howToSend(file: SentFile): StartedUpload["upload"] {
  return file.meta.started?.upload ?? null;
}

function formOf(file: SentFile) {
  const how = howToSend(file);
  if (how?.method !== "POST") throw new Error("The upload is not sent as a form");
  return { method: "POST" as const, url: how.url, fields: how.fields as Record<string, string> };
}

/** Uppy's two names of a multipart upload; ours has one. */
function partsOf(file: SentFile): { uploadId: string; key: string } {
  const { uploadId } = startedOf(file);
  return { uploadId, key: uploadId };
}

/** Whatever kept a file from being sent, in the shape that the page shows. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const status = (error as { source?: { status?: number } }).source?.status ?? 0;
  const code = status === 0 ? "unreachable" : "storage_refused";
  return new ApiError(status, code, error instanceof Error ? error.message : String(error));
}
